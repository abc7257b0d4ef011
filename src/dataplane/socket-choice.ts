/** Whether and where Services are served at sockets: what was asked for, and what this machine has. */
import { access } from 'node:fs/promises';
import { BPF_FILE_SYSTEM, hasBpfFileSystem, requireBpfFileSystem } from '../kernel/bpf-file-system.ts';
import { describeRefusal } from '../kernel/bpf-object.ts';
import { cgroupRoot, isCgroup } from '../kernel/cgroup.ts';
import { SOCKET_OBJECT, trySocketPrograms } from './bpf/sockets/backend.ts';

export interface SocketWish {
  readonly servicesBackend: 'auto' | 'bpf' | 'nft' | 'none';
  /** `host-only`: pods with a network namespace of their own are left to nft. */
  readonly socketLb: 'all' | 'host-only' | 'off';
  /** Directory of a cgroup; null: that of the kubelet's pods. */
  readonly socketLbCgroup: string | null;
  /** Every translated connection shows the server an address of this node. */
  readonly masqueradeAll: boolean;
}

export interface SocketPlace {
  /** Directory of the cgroup whose sockets are served, and of all below it. */
  readonly cgroup: string;
  readonly nodeOnly: boolean;
}

export interface SocketChoice {
  /** null: nowhere. */
  readonly place: SocketPlace | null;
  /** For a person: why not, or where. */
  readonly why: string;
}

/** Where kubelets put pods below the root: by systemd and by themselves; the last two are those of kind. */
const KUBELETS_CGROUPS = [
  'kubepods.slice',
  'kubepods',
  'kubelet.slice/kubelet-kubepods.slice',
  'kubelet/kubepods',
];

/**
 * Never rejects. With `auto` the kernel is asked whether it takes the programs, which takes it a fifth of a second; for
 * `bpf` it is told when they are loaded for good. A machine gets a BPF file system only where `bpf` is asked for.
 */
export async function chooseSockets(wish: SocketWish): Promise<SocketChoice> {
  const { servicesBackend, socketLb, socketLbCgroup, masqueradeAll } = wish;
  const nowhere = (why: string): SocketChoice => ({ place: null, why });
  if (servicesBackend === 'nft' || servicesBackend === 'none')
    return nowhere(`--services-backend=${servicesBackend} leaves sockets alone`);
  if (socketLb === 'off') return nowhere('--socket-lb=off leaves sockets alone');
  if (masqueradeAll)
    return nowhere('--masquerade-all needs packets: what a socket dials is never masqueraded');
  const cgroup = socketLbCgroup ?? kubeletsCgroup();
  if (cgroup === null) return nowhere(`no cgroup of a kubelet is here; name one by --socket-lb-cgroup`);
  if (!isCgroup(cgroup)) return nowhere(`--socket-lb-cgroup ${cgroup} is no cgroup of cgroup2`);
  // It holds the processes of others that this agent is no proxy for, and itself.
  if (cgroup === cgroupRoot())
    return nowhere(`--socket-lb-cgroup ${cgroup} is all of the machine; name one below it`);
  try {
    if (servicesBackend === 'bpf') await requireBpfFileSystem();
    else await requireAsFound();
    await access(SOCKET_OBJECT);
    if (servicesBackend === 'auto') await trySocketPrograms();
  } catch (error) {
    return nowhere(error instanceof Error ? describeRefusal(error) : String(error));
  }
  return { place: { cgroup, nodeOnly: socketLb === 'host-only' }, why: `at sockets of ${cgroup}` };
}

async function requireAsFound(): Promise<void> {
  if (await hasBpfFileSystem()) return;
  throw new Error(
    `${BPF_FILE_SYSTEM} is no BPF file system: mount one there, or ask for --services-backend=bpf, which does`,
  );
}

function kubeletsCgroup(): string | null {
  const root = cgroupRoot();
  return KUBELETS_CGROUPS.map((name) => `${root}/${name}`).find(isCgroup) ?? null;
}
