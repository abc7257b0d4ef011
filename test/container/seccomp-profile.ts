/** The system calls that a container runtime of today lets through: what a kubelet takes for `RuntimeDefault`. */
import { readFileSync, writeFileSync } from 'node:fs';

/** podman's own. Debian 12 has one from before CAP_BPF was known there: it gives bpf() to CAP_SYS_ADMIN alone. */
const OWN = '/usr/share/containers/seccomp.json';

interface Profile {
  readonly syscalls: readonly { readonly names: readonly string[] }[];
}

/** Writes it to the path: podman's own, but for bpf(), which CAP_BPF gives as containerd's and Docker's have it. */
export function writeSeccompProfile(path: string): void {
  const profile = JSON.parse(readFileSync(OWN, 'utf8')) as Profile;
  const others = profile.syscalls.map((rule) => ({
    ...rule,
    names: rule.names.filter((name) => name !== 'bpf'),
  }));
  const names = ['bpf'];
  const rules = [
    { names, action: 'SCMP_ACT_ALLOW', includes: { caps: ['CAP_BPF'] } },
    { names, action: 'SCMP_ACT_ERRNO', excludes: { caps: ['CAP_BPF'] }, errnoRet: 1, errno: 'EPERM' },
  ].map((rule) => ({ args: [], comment: '', includes: {}, excludes: {}, ...rule }));
  writeFileSync(path, JSON.stringify({ ...profile, syscalls: [...others, ...rules] }));
}
