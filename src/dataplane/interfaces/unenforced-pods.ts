/** Local pods whose packets no policy can judge, whatever selects them: for `weir status`, a metric and Events. */
import { type Family, familyOf } from '../../model/address.ts';
import { compareText, type ObjectName } from '../../model/names.ts';
import { isFound, type MissingReason, type PodInterfaceState } from './pod-interface-state.ts';

export type UnenforcedReason = Exclude<MissingReason, 'searching'> | 'bridge-without-netfilter';

export interface UnenforcedPod {
  readonly pod: ObjectName;
  readonly reason: UnenforcedReason;
  /** More of it, for people; may be empty. */
  readonly detail: string;
}

/** What enforces policies on this node, and what it is known to see. */
export type Enforcement =
  | { readonly backend: 'bpf' }
  /** `bridgeNetfilter`: packets between ports of one bridge meet the forward hook. */
  | { readonly backend: 'nft'; readonly bridgeNetfilter: Readonly<Record<Family, boolean>> };

/** Sorted by name. A pod whose interface is still being looked for is left out. */
export function unenforcedPods(
  states: ReadonlyMap<ObjectName, PodInterfaceState>,
  enforcement: Enforcement,
): readonly UnenforcedPod[] {
  const unenforced: UnenforcedPod[] = [];
  for (const [pod, state] of states) {
    const why = enforcement.backend === 'bpf' ? unseenByPrograms(state) : unseenByHooks(state, enforcement);
    if (why !== null) unenforced.push({ pod, ...why });
  }
  return unenforced.toSorted((a, b) => compareText(a.pod, b.pod));
}

type Why = Omit<UnenforcedPod, 'pod'>;

function unseenByPrograms(state: PodInterfaceState): Why | null {
  if (isFound(state) || state.missing === 'searching') return null;
  return { reason: state.missing, detail: state.detail };
}

/** nft judges by address what is forwarded, whatever interface it comes by. */
function unseenByHooks(
  state: PodInterfaceState,
  { bridgeNetfilter }: Enforcement & { backend: 'nft' },
): Why | null {
  if (!isFound(state)) {
    return state.missing === 'shared-interface' || state.missing === 'no-veth'
      ? null
      : unseenByPrograms(state);
  }
  const unseen = state.addresses.map(familyOf).find((family) => !bridgeNetfilter[family]);
  if (state.bridge === null || unseen === undefined) return null;
  const detail = `${unseen} between ports of one bridge, of which ${state.interfaceName} is one`;
  return { reason: 'bridge-without-netfilter', detail };
}
