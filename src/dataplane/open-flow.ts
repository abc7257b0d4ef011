/** A connection, or what goes to and fro like one, that a local pod has open now. */
import type { Address } from '../model/address.ts';
import type { Direction } from '../model/policy-rows.ts';

/** As policies judge it: a connection between two local pods is two of these, one for each end. */
export interface OpenFlow {
  /** In which it was opened, seen from the pod. */
  readonly direction: Direction;
  /** The pod's end. */
  readonly local: Address;
  /** 0 where the protocol has no ports. */
  readonly localPort: number;
  /** The real other end, whatever address the client dialled. */
  readonly peer: Address;
  readonly peerPort: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** What the client dialled where that is not the server itself: a Service's address. */
  readonly dialled: { readonly address: Address; readonly port: number } | null;
}
