/** Whether and where Services are served at sockets: what was asked for, and what this machine has. */
import { access } from 'node:fs/promises';
import { requireBpfFileSystem } from '../kernel/bpf-file-system.ts';
import { cgroupRoot, isCgroup } from '../kernel/cgroup.ts';
import { SOCKET_OBJECT } from './bpf/sockets/backend.ts';

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

/** Never rejects; a machine gets a BPF file system only where `bpf` is asked for. */
export async function chooseSockets(wish: SocketWish): Promise<SocketChoice> {
  const { servicesBackend, socketLb, socketLbCgroup, masqueradeAll } = wish;
  const nowhere = (why: string): SocketChoice => ({ place: null, why });
  if (servicesBackend !== 'bpf') return nowhere('only --services-backend=bpf asks for it');
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
    await requireBpfFileSystem();
    await access(SOCKET_OBJECT);
  } catch (error) {
    return nowhere(error instanceof Error ? error.message : String(error));
  }
  return { place: { cgroup, nodeOnly: socketLb === 'host-only' }, why: `at sockets of ${cgroup}` };
}

function kubeletsCgroup(): string | null {
  const root = cgroupRoot();
  return KUBELETS_CGROUPS.map((name) => `${root}/${name}`).find(isCgroup) ?? null;
}
