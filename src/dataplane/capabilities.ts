/** What this machine can do, which backend does what, and why: a wish that can't be met falls back and says so. */
import { access } from 'node:fs/promises';
import { requireBpfFileSystem } from '../kernel/bpf-file-system.ts';
import { hasTcx } from '../kernel/bpf-program.ts';
import { POLICY_OBJECT } from './bpf/policies/backend.ts';

export type BackendWish = 'auto' | 'bpf' | 'nft';

export interface BackendChoice {
  /** `none`: nothing does this. */
  readonly backend: 'nft' | 'bpf' | 'none';
  /** Why this one, for a person. */
  readonly why: string;
}

export interface Capabilities {
  /** The hooks that programs can be put on; null: policies can't be enforced by BPF. */
  readonly policyHook: 'tcx' | 'clsact' | null;
  /** Why not, for a person; '' where they can. */
  readonly withoutBpf: string;
}

export interface Features {
  readonly found: readonly string[];
  readonly missing: readonly { readonly feature: string; readonly why: string }[];
}

const NO_SERVICES_BY_BPF = 'the BPF backend of Services is not part of this version';
const NO_POLICIES_BY_NFT = 'policies by nftables are not part of this version';

/** Looks at all but whether the verifier takes the programs, which costs a second of CPU: loading them tells. */
export async function probeCapabilities(): Promise<Capabilities> {
  try {
    await requireBpfFileSystem();
    await access(POLICY_OBJECT);
    return { policyHook: (await hasTcx()) ? 'tcx' : 'clsact', withoutBpf: '' };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { policyHook: null, withoutBpf: reason.split('\n')[0] ?? reason };
  }
}

/** The backend of Services for what `--services-backend` asks. */
export function chooseServicesBackend(wish: BackendWish): BackendChoice {
  if (wish === 'nft') return { backend: 'nft', why: 'asked for by --services-backend=nft' };
  if (wish === 'bpf')
    return { backend: 'nft', why: `bpf was asked for, but ${NO_SERVICES_BY_BPF}: nft serves instead` };
  return { backend: 'nft', why: `auto: ${NO_SERVICES_BY_BPF}` };
}

/** The backend of network policies for what `--policy-backend` asks. */
export function choosePolicyBackend(
  wish: BackendWish,
  { policyHook, withoutBpf }: Capabilities,
): BackendChoice {
  if (wish === 'nft')
    return { backend: 'none', why: `nft was asked for, but ${NO_POLICIES_BY_NFT}: none is enforced` };
  if (policyHook === null)
    return { backend: 'none', why: `${wish}: none is enforced; BPF can't be used here: ${withoutBpf}` };
  const asked = wish === 'bpf' ? 'asked for by --policy-backend=bpf' : `auto: ${NO_POLICIES_BY_NFT}`;
  return { backend: 'bpf', why: `${asked}, on ${policyHook} hooks` };
}

/** What was looked for on this machine. */
export function featuresOf({ policyHook, withoutBpf }: Capabilities): Features {
  const missing = [{ feature: 'socket load-balancing', why: NO_SERVICES_BY_BPF }];
  if (policyHook === null)
    return { found: ['nftables'], missing: [...missing, { feature: 'policies by BPF', why: withoutBpf }] };
  return {
    found: ['nftables', 'bpffs', policyHook],
    missing: [
      ...missing,
      ...(policyHook === 'tcx' ? [] : [{ feature: 'tcx', why: 'the kernel is older than 6.6' }]),
      {
        feature: 'egress policies behind Service addresses',
        why: 'a pod’s packet is judged before nft translates it: by the Service’s address, which no selector matches',
      },
    ],
  };
}
