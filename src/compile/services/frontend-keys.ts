/** Texts that identify a frontend when Services and pods compete for it. */
import type { Address, Family } from '../../model/address.ts';
import type { Port, Protocol } from '../../model/names.ts';

/** An address, port and protocol: only one Service can have it. */
export function addressKey(address: Address, port: Port, protocol: Protocol): string {
  return `${address} ${port} ${protocol}`;
}

/** A port of the node itself, for node ports and host ports. */
export function nodePortKey(family: Family, port: Port, protocol: Protocol): string {
  return `${family} ${port} ${protocol}`;
}
