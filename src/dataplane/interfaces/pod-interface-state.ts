/** What is known of how a local pod is joined to its node. */
import type { Address } from '../../model/address.ts';

interface Addressed {
  /** The pod's. */
  readonly addresses: readonly Address[];
}

/** The pod's own interface on the node's side: a veth. */
export interface FoundInterface extends Addressed {
  readonly interfaceIndex: number;
  readonly interfaceName: string;
  /** `route`: by the node's route to the pod; `namespace`: by the address at the veth's other end. */
  readonly how: 'route' | 'namespace';
  /** Index of the bridge it is a port of; null: none. */
  readonly bridge: number | null;
}

/**
 * Why a pod has no interface on which its packets could be judged:
 * - `searching`: not found yet, a moment after the pod, or its interface, came or went;
 * - `not-found`: nothing on the node leads to it, and no process was seen in a namespace with its address;
 * - `macvlan`, `ipvlan`, `host-device`: what its address is on; the last is hardware moved into the pod, as with SR-IOV;
 * - `no-veth`: its packets come by another kind of interface, or its veth ends in another namespace;
 * - `shared-interface`: a veth leads to it, but to another pod as well, which has it.
 */
export const MISSING_REASONS = [
  'searching',
  'not-found',
  'macvlan',
  'ipvlan',
  'host-device',
  'no-veth',
  'shared-interface',
] as const;
export type MissingReason = (typeof MISSING_REASONS)[number];

export interface MissingInterface extends Addressed {
  readonly missing: MissingReason;
  /** The interface or pod in question, for people; may be empty. */
  readonly detail: string;
}

export type PodInterfaceState = FoundInterface | MissingInterface;

export function isFound(state: PodInterfaceState): state is FoundInterface {
  return 'interfaceIndex' in state;
}

/** A veth into a namespace with addresses of which no pod is known: of a pod that is just being made, or of something else. */
export interface Stranger {
  readonly interfaceIndex: number;
  readonly interfaceName: string;
}

/** The interface in a pod that has the pod's address. */
export interface PodDevice {
  readonly name: string;
  /** The kernel's word; empty for hardware. */
  readonly kind: string;
}
