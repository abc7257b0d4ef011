/**
 * The kernel's connection tracking table in the words of the model. Used where an entry would go on sending a client to
 * something that is gone (A60, A61).
 */
import { type Address, addressBytes, addressFromBytes, type Family, familyOf } from '../model/address.ts';
import { type Port, PROTOCOL_NUMBERS, type Protocol, protocolFromNumber } from '../model/names.ts';
import {
  type NativeConntrackEntry,
  type NativeConntrackFilter,
  type NativeConntrackTuple,
  nativeAddon,
} from './native.ts';

/** TCP states in the kernel's order: the index is its TCP_CONNTRACK_* number. */
export const TCP_STATES = [
  'none',
  'syn-sent',
  'syn-received',
  'established',
  'fin-wait',
  'close-wait',
  'last-ack',
  'time-wait',
  'close',
  'syn-sent-2',
] as const;
export type TcpState = (typeof TCP_STATES)[number];

/** Selects entries: every field that is given must hold. To delete, at least one besides `family` has to be given. */
export interface ConntrackFilter {
  readonly family: Family;
  readonly protocol?: Protocol;
  /** Who opened the connection, before any translation. */
  readonly originalSource?: Address;
  /** What the client dialled: a frontend's address. */
  readonly originalDestination?: Address;
  readonly originalDestinationPort?: Port;
  /** Who answers: the backend, after translation. */
  readonly replySource?: Address;
  readonly replySourcePort?: Port;
  /** The destination was translated, or was not. */
  readonly natted?: boolean;
  /** Only TCP entries in one of these states. */
  readonly tcpStates?: readonly TcpState[];
}

/** One direction of a connection. Ports are 0 where the protocol has none. */
export interface ConntrackTuple {
  readonly source: Address;
  readonly sourcePort: number;
  readonly destination: Address;
  readonly destinationPort: number;
}

export interface ConntrackEntry {
  readonly family: Family;
  /** null: neither TCP nor UDP nor SCTP. */
  readonly protocol: Protocol | null;
  /** As IP has it. */
  readonly protocolNumber: number;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly sourceTranslated: boolean;
  readonly destinationTranslated: boolean;
  /** A reply was seen. */
  readonly replied: boolean;
  /** Seconds until it ends when no packet comes. */
  readonly timeoutSeconds: number;
  /** null for protocols other than TCP. */
  readonly tcpState: TcpState | null;
}

/** Where to look: the path of a network namespace; left out, the process's own. */
export interface ConntrackPlace {
  readonly networkNamespace?: string;
}

const STATUS_REPLIED = 1 << 1;
const STATUS_SOURCE_TRANSLATED = 1 << 4;
const STATUS_DESTINATION_TRANSLATED = 1 << 5;

/**
 * Deletes every entry that one of the filters selects and returns how many. Entries that end meanwhile are fine. Works off
 * the event loop. Rejects with an Error that has `code`, `errno`, `syscall` when the kernel refuses, and with a TypeError
 * for a filter that would select everything, or whose addresses are of another family.
 */
export async function deleteConntrack(
  filters: readonly ConntrackFilter[],
  place: ConntrackPlace = {},
): Promise<number> {
  if (filters.length === 0) return 0;
  for (const filter of filters) refuseEverything(filter);
  return nativeAddon().deleteConntrack(filters.map(toNative), place.networkNamespace);
}

/** The entries that the filter selects, in no particular order. Rejects as `deleteConntrack` does, but takes a family alone. */
export async function listConntrack(
  filter: ConntrackFilter,
  place: ConntrackPlace = {},
): Promise<readonly ConntrackEntry[]> {
  const entries = await nativeAddon().listConntrack(toNative(filter), place.networkNamespace);
  return entries.map(fromNative);
}

/** A filter built from fields that all came out undefined must not empty the node's table. */
function refuseEverything(filter: ConntrackFilter): void {
  const given = Object.entries(filter).filter(([field, value]) => field !== 'family' && value !== undefined);
  if (given.length > 0) return;
  throw new TypeError(`conntrack filter selects every ${filter.family} entry: give at least one field more`);
}

function toNative(filter: ConntrackFilter): NativeConntrackFilter {
  const { originalSource, originalDestination, replySource } = filter;
  for (const address of [originalSource, originalDestination, replySource]) {
    if (address !== undefined && familyOf(address) !== filter.family) {
      throw new TypeError(
        `conntrack filter of ${filter.family} names ${address}: give addresses of that family`,
      );
    }
  }
  const { originalDestinationPort, replySourcePort, natted, protocol, tcpStates } = filter;
  return {
    family: filter.family === 'IPv4' ? 4 : 6,
    ...(protocol === undefined ? {} : { protocol: PROTOCOL_NUMBERS[protocol] }),
    ...(originalSource === undefined ? {} : { originalSource: addressBytes(originalSource) }),
    ...(originalDestination === undefined ? {} : { originalDestination: addressBytes(originalDestination) }),
    ...(originalDestinationPort === undefined ? {} : { originalDestinationPort }),
    ...(replySource === undefined ? {} : { replySource: addressBytes(replySource) }),
    ...(replySourcePort === undefined ? {} : { replySourcePort }),
    ...(natted === undefined ? {} : { natted }),
    ...(tcpStates === undefined ? {} : { tcpStates: tcpStates.map((state) => TCP_STATES.indexOf(state)) }),
  };
}

function fromNative(entry: NativeConntrackEntry): ConntrackEntry {
  return {
    family: entry.family === 4 ? 'IPv4' : 'IPv6',
    protocol: protocolFromNumber(entry.protocol),
    protocolNumber: entry.protocol,
    original: tupleFromNative(entry.original),
    reply: tupleFromNative(entry.reply),
    sourceTranslated: (entry.status & STATUS_SOURCE_TRANSLATED) !== 0,
    destinationTranslated: (entry.status & STATUS_DESTINATION_TRANSLATED) !== 0,
    replied: (entry.status & STATUS_REPLIED) !== 0,
    timeoutSeconds: entry.timeoutSeconds,
    tcpState: entry.tcpState === null ? null : (TCP_STATES[entry.tcpState] ?? null),
  };
}

function tupleFromNative(tuple: NativeConntrackTuple): ConntrackTuple {
  return {
    source: addressFromBytes(tuple.source),
    sourcePort: tuple.sourcePort,
    destination: addressFromBytes(tuple.destination),
    destinationPort: tuple.destinationPort,
  };
}
