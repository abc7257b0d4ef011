/** Policy rows → elements of the table. */

import { type Address, addressBits, familyOf, type Prefix, splitPrefix } from '../../../model/address.ts';
import {
  DIRECTIONS,
  type PeerClassName,
  type PolicyClassRows,
  type SubjectRow,
  type VerdictRow,
} from '../../../model/policy-rows.ts';
import type { PodInterface } from '../../policy-change.ts';
import { addressKey, type Element, intervalElements, numberKey, portKey, protocolKey } from '../element.ts';
import { blockRanges } from './block-ranges.ts';
import { flowChain } from './hook-chains.ts';
import { portChain, scopeNumber } from './judging-chains.ts';
import {
  ANY_PEER,
  CLOSED_CLASS,
  COURSES,
  DIRECTION_NUMBER,
  groupRoute,
  OUTCOME,
  PEER_KINDS,
  PORT_BITS,
  type PolicySet,
  policySet,
  verdictRoute,
} from './layout.ts';
import type { Names } from './names.ts';

export type PolicyElement = Element<PolicySet>;

const NOTHING = numberKey(0);

/** What is there whatever the rows: the chains that outcomes stand for, and the class of pods that are closed. */
export function lowerFixed(closedPrefixes: readonly Prefix[]): readonly PolicyElement[] {
  const closed = intervalElements((family) => policySet('pod-block', family), closedPrefixes);
  const outcomes = DIRECTIONS.flatMap((direction) => {
    const ends: readonly (readonly [number, string])[] = [
      [OUTCOME.allow, flowChain('allowed', direction)],
      [OUTCOME.deny, `drop-policy-${direction}`],
      [OUTCOME.audit, flowChain('audited', direction)],
      [OUTCOME.closed, `drop-closed-${direction}`],
    ];
    const route = (set: PolicySet, [outcome, chain]: readonly [number, string]): PolicyElement => ({
      set,
      key: numberKey(outcome),
      data: { code: 'goto', chain },
    });
    return [
      ...ends.map((end) => route(verdictRoute(direction), end)),
      ...COURSES.flatMap((course) =>
        PEER_KINDS.flatMap((kind) =>
          [
            ...ends,
            [OUTCOME.ports, portChain(direction, course, kind, 'ports')] as const,
            [OUTCOME.ranges, portChain(direction, course, kind, 'ranges')] as const,
          ].map((end) => route(groupRoute(direction, course, kind), end)),
        ),
      ),
      {
        set: 'group' as const,
        key: numberKey(CLOSED_CLASS) + numberKey(ANY_PEER) + numberKey(DIRECTION_NUMBER[direction]),
        data: NOTHING + numberKey(OUTCOME.closed),
      },
    ];
  });
  return [...closed, ...outcomes];
}

export function isSingleAddress(prefix: Prefix): boolean {
  const { address, length } = splitPrefix(prefix);
  return length === addressBits(address);
}

export function lowerPeer(
  prefix: Prefix,
  peerClass: PeerClassName | null,
  names: Names,
): readonly PolicyElement[] {
  const { address } = splitPrefix(prefix);
  const [number, named] = peerNumber(peerClass, names);
  const set = policySet('peer', familyOf(address));
  return [{ set, key: addressKey(address), data: NOTHING + numberKey(number) }, ...named];
}

export function lowerBlocks(
  blocks: ReadonlyMap<Prefix, PeerClassName | null>,
  names: Names,
): readonly PolicyElement[] {
  return blockRanges(blocks).flatMap(({ family, key, behind, value }) => {
    const [number, named] = peerNumber(value, names);
    const set = policySet('peer-block', family);
    return [{ set, key, behind, data: NOTHING + numberKey(number) }, ...named];
  });
}

/** A local pod: what it is judged by, and what it may send from. Held, it is closed whatever the rows. */
export function lowerPod(
  subject: SubjectRow | undefined,
  joined: PodInterface | undefined,
  names: Names,
): readonly PolicyElement[] {
  const held = joined?.held === true;
  const number =
    subject === undefined || held ? CLOSED_CLASS : names.nameOf('policy-class', subject.policyClass).number;
  const judged =
    subject === undefined && !held ? [] : [...(subject?.addresses ?? []), ...(joined?.addresses ?? [])];
  const own = new Set([...judged, ...(joined?.addresses ?? [])]);
  return [
    ...[...new Set(judged)].map((address) => subjectElement(address, number)),
    ...[...own].map(ownElement),
    ...(joined === undefined ? [] : lowerInterface(joined)),
  ];
}

/** A local pod's address: judged by the class of this number. */
export function subjectElement(address: Address, number: number): PolicyElement {
  const data = NOTHING + numberKey(number);
  return { set: policySet('subject', familyOf(address)), key: addressKey(address), data };
}

/** The address of a local pod that is known. */
export function ownElement(address: Address): PolicyElement {
  return { set: policySet('own', familyOf(address)), key: addressKey(address) + addressKey(address) };
}

function lowerInterface({ interfaceIndex, addresses, held }: PodInterface): readonly PolicyElement[] {
  const key = numberKey(interfaceIndex);
  return [
    { set: 'pod-interface', key },
    ...(held ? [{ set: 'closed-interface' as const, key }] : []),
    ...addresses.map((address: Address) => ({
      set: policySet('pod-source', familyOf(address)),
      key: key + addressKey(address),
    })),
  ];
}

/**
 * One element of `group` for each direction and peer class; those with ports have the rest in `verdict`. Groups that `other`
 * has as well are left out: of a thousand rows a change touches a few.
 */
export function lowerClass(
  { name, verdicts }: PolicyClassRows,
  names: Names,
  other?: PolicyClassRows,
): readonly PolicyElement[] {
  const policyClass = names.nameOf('policy-class', name);
  const others = groupsOf(other?.verdicts ?? []);
  const groups = [...groupsOf(verdicts)].filter(([id, rows]) => !areSame(rows, others.get(id)));
  return [policyClass.element, ...groups.flatMap(([, rows]) => lowerGroup(policyClass.number, rows, names))];
}

function groupsOf(verdicts: readonly VerdictRow[]): ReadonlyMap<string, readonly VerdictRow[]> {
  return Map.groupBy(verdicts, ({ direction, peerClass }) => `${direction} ${peerClass ?? ''}`);
}

function areSame(rows: readonly VerdictRow[], others: readonly VerdictRow[] = []): boolean {
  return rows.length === others.length && rows.every((row, index) => isSame(row, others[index]));
}

function isSame(row: VerdictRow, other: VerdictRow | undefined): boolean {
  if (row === other || other === undefined) return row === other;
  return (
    row.protocol === other.protocol &&
    row.port === other.port &&
    row.bits === other.bits &&
    row.verdict === other.verdict &&
    row.rule === other.rule &&
    row.auditRule === other.auditRule
  );
}

function lowerGroup(
  policyClass: number,
  rows: readonly VerdictRow[],
  names: Names,
): readonly PolicyElement[] {
  const [first] = rows;
  if (first === undefined) return [];
  const { direction, peerClass } = first;
  const [peer, named] = peerNumber(peerClass, names);
  const ends = numberKey(policyClass) + numberKey(peer);
  const key = ends + numberKey(DIRECTION_NUMBER[direction]);
  const rules = rows.map(({ rule }) => names.nameOf('rule', rule).element);
  const value = (row: VerdictRow) =>
    numberKey(names.nameOf('rule', row.rule).number) + numberKey(outcomeOf(row));
  if (rows.length === 1 && first.protocol === null)
    return [{ set: 'group', key, data: value(first) }, ...named, ...rules];
  const isWhole = rows.every(({ bits }) => bits === 0 || bits === PORT_BITS);
  return [
    { set: 'group', key, data: NOTHING + numberKey(isWhole ? OUTCOME.ports : OUTCOME.ranges) },
    ...rows.map((row): PolicyElement => {
      const protocol = row.protocol === null ? NOTHING : protocolKey(row.protocol);
      const scope = numberKey(scopeNumber(direction, row.bits));
      return { set: 'verdict', key: ends + scope + protocol + portKey(row.port), data: value(row) };
    }),
    ...named,
    ...rules,
  ];
}

function outcomeOf({ verdict, auditRule }: VerdictRow): number {
  if (verdict === 'deny') return OUTCOME.deny;
  return auditRule === null ? OUTCOME.allow : OUTCOME.audit;
}

function peerNumber(name: PeerClassName | null, names: Names): readonly [number, readonly PolicyElement[]] {
  if (name === null) return [ANY_PEER, []];
  const { number, element } = names.nameOf('peer-class', name);
  return [number, [element]];
}
