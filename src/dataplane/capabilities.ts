/** What this machine can do, which backend does what, and why: a wish that can't be met falls back and says so. */
import { access } from 'node:fs/promises';
import { BPF_FILE_SYSTEM, hasBpfFileSystem, requireBpfFileSystem } from '../kernel/bpf-file-system.ts';
import { hasTcx } from '../kernel/bpf-program.ts';
import { readBridgeNetfilter } from '../kernel/bridge-netfilter.ts';
import type { Family } from '../model/address.ts';
import { POLICY_OBJECT } from './bpf/policies/backend.ts';
import type { MissingFeature } from './dataplane.ts';
import type { SocketChoice } from './socket-choice.ts';

export type BackendWish = 'auto' | 'bpf' | 'nft';
/** `none`: somebody else serves Services. */
export type ServicesWish = BackendWish | 'none';

export interface BackendChoice<Name extends 'nft' | 'bpf' | 'none' = 'nft' | 'bpf'> {
  readonly backend: Name;
  /** Why this one, for a person. */
  readonly why: string;
}

export interface Capabilities {
  /** The hooks that programs can be put on; null: policies can't be enforced by BPF. */
  readonly policyHook: 'tcx' | 'clsact' | null;
  /** Why not, for a person; '' where they can. */
  readonly withoutBpf: string;
  /** Packets between ports of one bridge meet nft's forward hook. */
  readonly bridgeNetfilter: Readonly<Record<Family, boolean>>;
}

export interface Features {
  readonly found: readonly string[];
  readonly missing: readonly MissingFeature[];
}

/**
 * Looks at all but whether the kernel takes the programs, which costs a second of CPU: loading them tells. A machine gets
 * a BPF file system only where BPF is asked for.
 */
export async function probeCapabilities(policyWish: BackendWish = 'bpf'): Promise<Capabilities> {
  const bridgeNetfilter = await readBridgeNetfilter();
  try {
    if (policyWish === 'bpf') await requireBpfFileSystem();
    else if (!(await hasBpfFileSystem()))
      throw new Error(
        `${BPF_FILE_SYSTEM} is no BPF file system: mount one there, or ask for --policy-backend=bpf, which does`,
      );
    await access(POLICY_OBJECT);
    return { policyHook: (await hasTcx()) ? 'tcx' : 'clsact', withoutBpf: '', bridgeNetfilter };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { policyHook: null, withoutBpf: reason.split('\n')[0] ?? reason, bridgeNetfilter };
  }
}

/** The backend of Services for what `--services-backend` asks. `bpf` serves sockets, and nft what comes as packets. */
export function chooseServicesBackend(
  wish: ServicesWish,
  { place, why }: SocketChoice,
): BackendChoice<'nft' | 'bpf' | 'none'> {
  if (wish === 'none')
    return { backend: 'none', why: 'asked for by --services-backend=none: another proxy serves' };
  if (wish === 'nft') return { backend: 'nft', why: 'asked for by --services-backend=nft' };
  const asked = wish === 'bpf' ? 'asked for by --services-backend=bpf' : 'auto';
  if (place !== null) return { backend: 'bpf', why: `${asked}, ${why}; nft serves all other packets` };
  if (wish === 'bpf') return { backend: 'nft', why: `bpf was asked for, but ${why}: nft serves instead` };
  return { backend: 'nft', why: `auto: nft serves sockets too, ${why}` };
}

/** The backend of network policies for what `--policy-backend` asks. */
export function choosePolicyBackend(
  wish: BackendWish,
  { policyHook, withoutBpf }: Pick<Capabilities, 'policyHook' | 'withoutBpf'>,
): BackendChoice {
  if (wish === 'nft') return { backend: 'nft', why: 'asked for by --policy-backend=nft' };
  if (policyHook === null) {
    const asked = wish === 'bpf' ? 'bpf was asked for: ' : 'auto: ';
    return { backend: 'nft', why: `${asked}BPF can't be used here, nft enforces instead: ${withoutBpf}` };
  }
  const asked = wish === 'bpf' ? 'asked for by --policy-backend=bpf' : 'auto';
  return { backend: 'bpf', why: `${asked}, on ${policyHook} hooks` };
}

/** What was looked for on this machine. */
export function featuresOf({ policyHook, withoutBpf }: Capabilities, { place, why }: SocketChoice): Features {
  const sockets = place === null ? [{ feature: 'socket load-balancing', why }] : [];
  const found = ['nftables', ...(place === null ? [] : ['cgroup2 sockets'])];
  if (policyHook === null)
    return { found, missing: [...sockets, { feature: 'policies by BPF', why: withoutBpf }] };
  return {
    found: [...found, policyHook],
    missing: [
      ...sockets,
      ...(policyHook === 'tcx' ? [] : [{ feature: 'tcx', why: 'the kernel is older than 6.6' }]),
    ],
  };
}
