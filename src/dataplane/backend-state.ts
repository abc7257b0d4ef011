/** What is known of a backend beside its row: who is connected to it from this node's sockets, and whether it answers. */
import type { Address } from '../model/address.ts';
import type { Port } from '../model/names.ts';
import type { ServiceId } from '../model/rows.ts';

export interface BackendState {
  readonly service: ServiceId;
  readonly address: Address;
  readonly port: Port;
  /** Connections that sockets have now. */
  readonly open: number;
  /** Connections that sockets began since counting began. */
  readonly connections: number;
  /** Those that were refused or not answered. */
  readonly failures: number;
  /** The same since the last that was answered. */
  readonly failuresInARow: number;
  /** Milliseconds since the epoch; in the past: one connection may try it now. null: it is chosen like the others. */
  readonly ejectedUntilMs: number | null;
  /** Milliseconds since the epoch; null: it has its full share. */
  readonly slowStartUntilMs: number | null;
}

/** Tells one backend of all Services from the others. */
export function backendName({
  service,
  address,
  port,
}: Pick<BackendState, 'service' | 'address' | 'port'>): string {
  return `${service} ${address} ${port}`;
}
