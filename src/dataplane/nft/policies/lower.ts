/** Policy rows → elements of the table. */
import { hash } from 'node:crypto';
import { NAME_KIND_WORDS, type NameKind } from '../../../generated/policy.ts';
import { type Address, addressBits, familyOf, type Prefix, splitPrefix } from '../../../model/address.ts';
import {
  DIRECTIONS,
  type PeerClassName,
  type PolicyClassName,
  type PolicyClassRows,
  type SubjectRow,
  type VerdictRow,
} from '../../../model/policy-rows.ts';
import type { Numbers } from '../../bpf/policies/numbers.ts';
import type { PodInterface } from '../../bpf/policies/subjects.ts';
import { addressKey, type Element, numberKey, portKey, protocolKey } from '../element.ts';
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

export type PolicyElement = Element<PolicySet>;
type Numbering = Pick<Numbers, 'numberOf'>;

const NOTHING = numberKey(0);

/** What is there whatever the rows: the chains that outcomes stand for, and the class of pods that are closed. */
export function lowerFixed(): readonly PolicyElement[] {
  return DIRECTIONS.flatMap((direction) => {
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
}

export function isSingleAddress(prefix: Prefix): boolean {
  const { address, length } = splitPrefix(prefix);
  return length === addressBits(address);
}

export function lowerPeer(
  prefix: Prefix,
  peerClass: PeerClassName | null,
  numbers: Numbering,
): readonly PolicyElement[] {
  const { address } = splitPrefix(prefix);
  const [number, names] = peerNumber(peerClass, numbers);
  const set = policySet('peer', familyOf(address));
  return [{ set, key: addressKey(address), data: NOTHING + numberKey(number) }, ...names];
}

export function lowerBlocks(
  blocks: ReadonlyMap<Prefix, PeerClassName | null>,
  numbers: Numbering,
): readonly PolicyElement[] {
  return blockRanges(blocks).flatMap(({ family, key, behind, value }) => {
    const [number, names] = peerNumber(value, numbers);
    const set = policySet('peer-block', family);
    return [{ set, key, behind, data: NOTHING + numberKey(number) }, ...names];
  });
}

/** A local pod: what it is judged by, and what it may send from. Held, it is closed whatever the rows. */
export function lowerPod(
  subject: SubjectRow | undefined,
  joined: PodInterface | undefined,
  numbers: Numbering,
): readonly PolicyElement[] {
  const held = joined?.held === true;
  const number = subject === undefined || held ? CLOSED_CLASS : classNumber(subject.policyClass, numbers);
  const judged =
    subject === undefined && !held ? [] : [...(subject?.addresses ?? []), ...(joined?.addresses ?? [])];
  const own = new Set([...judged, ...(joined?.addresses ?? [])]);
  return [
    ...[...new Set(judged)].map((address) => ({
      set: policySet('subject', familyOf(address)),
      key: addressKey(address),
      data: NOTHING + numberKey(number),
    })),
    ...[...own].map((address) => ({
      set: policySet('own', familyOf(address)),
      key: addressKey(address) + addressKey(address),
    })),
    ...(joined === undefined ? [] : lowerInterface(joined)),
  ];
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

/** One element of `group` for each direction and peer class; those with ports have the rest in `verdict`. */
export function lowerClass(
  { name, verdicts }: PolicyClassRows,
  numbers: Numbering,
): readonly PolicyElement[] {
  const policyClass = classNumber(name, numbers);
  const groups = new Map<string, VerdictRow[]>();
  for (const row of verdicts) {
    const id = `${row.direction} ${row.peerClass ?? ''}`;
    const group = groups.get(id);
    if (group === undefined) groups.set(id, [row]);
    else group.push(row);
  }
  return [
    nameOf('policy-class', name, policyClass),
    ...[...groups.values()].flatMap((rows) => lowerGroup(policyClass, rows, numbers)),
  ];
}

function lowerGroup(
  policyClass: number,
  rows: readonly VerdictRow[],
  numbers: Numbering,
): readonly PolicyElement[] {
  const [first] = rows;
  if (first === undefined) return [];
  const { direction, peerClass } = first;
  const [peer, names] = peerNumber(peerClass, numbers);
  const ends = numberKey(policyClass) + numberKey(peer);
  const key = ends + numberKey(DIRECTION_NUMBER[direction]);
  const rules = rows.map(({ rule }) => nameOf('rule', rule, numbers.numberOf('rule', rule)));
  const value = (row: VerdictRow) =>
    numberKey(numbers.numberOf('rule', row.rule)) + numberKey(outcomeOf(row));
  if (rows.length === 1 && first.protocol === null)
    return [{ set: 'group', key, data: value(first) }, ...names, ...rules];
  const isWhole = rows.every(({ bits }) => bits === 0 || bits === PORT_BITS);
  return [
    { set: 'group', key, data: NOTHING + numberKey(isWhole ? OUTCOME.ports : OUTCOME.ranges) },
    ...rows.map((row): PolicyElement => {
      const protocol = row.protocol === null ? NOTHING : protocolKey(row.protocol);
      const scope = numberKey(scopeNumber(direction, row.bits));
      return { set: 'verdict', key: ends + scope + protocol + portKey(row.port), data: value(row) };
    }),
    ...names,
    ...rules,
  ];
}

function outcomeOf({ verdict, auditRule }: VerdictRow): number {
  if (verdict === 'deny') return OUTCOME.deny;
  return auditRule === null ? OUTCOME.allow : OUTCOME.audit;
}

function classNumber(name: PolicyClassName, numbers: Numbering): number {
  return numbers.numberOf('policy-class', name);
}

function peerNumber(
  name: PeerClassName | null,
  numbers: Numbering,
): readonly [number, readonly PolicyElement[]] {
  if (name === null) return [ANY_PEER, []];
  const number = numbers.numberOf('peer-class', name);
  return [number, [nameOf('peer-class', name, number)]];
}

/** How a restarted agent finds the number again; goes with the last element that has the number. */
function nameOf(kind: NameKind, content: string, number: number): PolicyElement {
  return {
    set: 'name',
    key: numberKey(NAME_KIND_WORDS.indexOf(kind)) + numberKey(number),
    comment: hash('sha256', content, 'hex').slice(0, 32),
  };
}
