/** One packet against the policy rows of a node, by the look-ups that the kernel makes: the peer's class, then verdicts. */
import {
  type Address,
  addressBits,
  type Family,
  familyOf,
  type Prefix,
  prefixOf,
  splitPrefix,
} from '../model/address.ts';
import type { Protocol } from '../model/names.ts';
import type {
  Direction,
  PeerClassName,
  PolicyClassName,
  PolicyRows,
  VerdictRow,
} from '../model/policy-rows.ts';
import { lookUpVerdict, type VerdictTable, verdictTable } from '../model/verdict-table.ts';

/** Policy rows arranged for look-up. */
export interface PolicyTables {
  readonly rows: PolicyRows;
  /** Prefix lengths of peer rows, longest first. */
  readonly lengths: Readonly<Record<Family, readonly number[]>>;
  /** Made when a class is asked about first. */
  readonly verdicts: Map<PolicyClassName, VerdictTable>;
  /** Given before: the same few addresses are asked about again and again. */
  readonly classes: Map<Address, PeerClassName | null>;
}

/** What is judged: a packet of, or to, a pod of the class. */
export interface PolicyQuestion {
  readonly policyClass: PolicyClassName;
  readonly direction: Direction;
  /** The other end. */
  readonly peer: Address;
  /** null: a protocol that has no ports here. */
  readonly protocol: Protocol | null;
  /** Destination port; any number where there is none. */
  readonly port: number;
}

export function policyTables(rows: PolicyRows): PolicyTables {
  const lengths = { IPv4: new Set<number>(), IPv6: new Set<number>() };
  for (const prefix of rows.peers.keys()) lengths[familyOf(prefix)].add(splitPrefix(prefix).length);
  const longestFirst = (family: Family) => [...lengths[family]].sort((a, b) => b - a);
  return {
    rows,
    lengths: { IPv4: longestFirst('IPv4'), IPv6: longestFirst('IPv6') },
    verdicts: new Map(),
    classes: new Map(),
  };
}

/**
 * The row that decides.
 * @throws Error where the rows hold none: every class has one for any peer and every protocol
 */
export function decidePolicy(tables: PolicyTables, question: PolicyQuestion): VerdictRow {
  const { policyClass, direction, peer } = question;
  const row = lookUpVerdict(verdictsOf(tables, policyClass), {
    ...question,
    peerClass: peerClassOf(tables, peer),
  });
  if (row === undefined) throw new Error(`policy class ${policyClass} has no ${direction} row for any peer`);
  return row;
}

/** The class of the longest prefix that contains the address. */
export function peerClassOf(tables: PolicyTables, address: Address): PeerClassName | null {
  const known = tables.classes.get(address);
  if (known !== undefined) return known;
  const found = longestPrefix(tables, address)?.peerClass ?? null;
  tables.classes.set(address, found);
  return found;
}

function longestPrefix({ rows, lengths }: PolicyTables, address: Address) {
  for (const length of lengths[familyOf(address)]) {
    const prefix = length === addressBits(address) ? `${address}/${length}` : prefixOf(address, length);
    const row = rows.peers.get(prefix as Prefix);
    if (row !== undefined) return row;
  }
  return undefined;
}

function verdictsOf(tables: PolicyTables, name: PolicyClassName): VerdictTable {
  const known = tables.verdicts.get(name);
  if (known !== undefined) return known;
  const made = verdictTable(tables.rows.classes.get(name)?.verdicts ?? []);
  tables.verdicts.set(name, made);
  return made;
}
