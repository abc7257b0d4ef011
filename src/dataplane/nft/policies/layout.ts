/**
 * Sets and maps of the table `inet weir-policy`: policy rows in nft's form. A verdict is found by hash look-ups alone, so a
 * change of rows writes its own elements, and a packet costs the same with any number of policies.
 */
import type { DataType, SetSpec } from '../../../kernel/native.ts';
import { FAMILIES, type Family } from '../../../model/address.ts';
import { DIRECTIONS, type Direction } from '../../../model/policy-rows.ts';
import type { TableLayout } from '../table-layout.ts';

/** Which way a packet of a flow goes: as the one that opened it, or back. */
export type Course = 'forth' | 'back';
export const COURSES: readonly Course[] = ['forth', 'back'];

/** Whose rows are looked up: of the peer's own address, of the block that contains it, or those for any peer. */
export type PeerKind = 'address' | 'block' | 'any';
export const PEER_KINDS: readonly PeerKind[] = ['address', 'block', 'any'];

type FamilySet = 'subject' | 'peer' | 'peer-block' | 'pod-source' | 'own' | 'pod-block' | 'dialled';
export type GroupRoute = `route-${Direction}-${Course}-${PeerKind}`;
export type VerdictRoute = `route-${Direction}`;
export type PolicySet =
  | `${FamilySet}${4 | 6}`
  | GroupRoute
  | VerdictRoute
  | 'group'
  | 'verdict'
  | 'pod-interface'
  | 'closed-interface'
  | 'judged'
  | 'revision'
  | 'name';

export function policySet(name: FamilySet, family: Family): PolicySet {
  return `${name}${family === 'IPv4' ? 4 : 6}`;
}

export function groupRoute(direction: Direction, course: Course, kind: PeerKind): GroupRoute {
  return `route-${direction}-${course}-${kind}`;
}

export function verdictRoute(direction: Direction): VerdictRoute {
  return `route-${direction}`;
}

/** An open flow that was allowed is not judged again so long, milliseconds, unless the rows change. */
export const JUDGED_MS = 2000;
/** Flows that this can spare in that time; others are judged at each packet. */
const JUDGED_SIZE = 262_144;

/** What a pod dialled is kept so long for whoever reads the log, milliseconds; and for so many flows. */
export const DIALLED_MS = 10_000;
const DIALLED_SIZE = 8192;

/** Numbers that stand for what happens to a packet: the second word of the values of `group` and `verdict`. */
export const OUTCOME = { allow: 1, deny: 2, audit: 3, closed: 4, ports: 5, ranges: 6 } as const;
/** The first field behind a class and a peer: a direction's number, and with a port how many of its bits count. */
export const DIRECTION_NUMBER: Readonly<Record<Direction, number>> = { ingress: 0, egress: 1 };
export const PORT_BITS = 16;
/** Of each logged packet: the longest headers of IP, with ports. */
export const LOGGED_BYTES = 128;
/** The number in `subject` of pods that nothing may reach or leave yet; classes begin at 1. */
export const CLOSED_CLASS = 0;
/** The number in `peer` of addresses that are of no class, and in keys for any peer; classes begin at 1. */
export const ANY_PEER = 0;

/** A number has a word before it (`lookUpNumber` tells why): the rule's number, or nothing. */
const NUMBER: readonly DataType[] = ['mark', 'mark'];

function familySets(family: Family): [PolicySet, SetSpec][] {
  const address: DataType = family === 'IPv4' ? 'ipv4_addr' : 'ipv6_addr';
  const specs: [FamilySet, SetSpec][] = [
    ['subject', { key: [address], data: NUMBER, comment: 'local pods: (nothing), policy class; 0: closed' }],
    ['peer', { key: [address], data: NUMBER, comment: 'single addresses: (nothing), peer class; 0: none' }],
    [
      'peer-block',
      { key: [address], data: NUMBER, interval: true, comment: 'other addresses: (nothing), peer class' },
    ],
    [
      'pod-source',
      { key: ['ifindex', address], comment: 'interface of a pod, address that it may send from' },
    ],
    ['pod-block', { key: [address], interval: true, comment: 'closed but for local pods that are known' }],
    [
      'dialled',
      {
        key: [address, 'inet_service', address, 'inet_service', 'inet_proto'],
        data: [address, 'inet_service'],
        dynamic: true,
        timeout: true,
        size: DIALLED_SIZE,
        comment: 'logged packet that was translated: what it was sent to',
      },
    ],
    ['own', { key: [address, address], comment: 'a local pod reaching itself' }],
  ];
  return specs.map(([name, spec]) => [policySet(name, family), spec]);
}

const ROUTES = DIRECTIONS.flatMap((direction): [PolicySet, SetSpec][] => [
  [verdictRoute(direction), { key: ['mark'], data: 'verdict', comment: 'outcome: chain' }],
  ...COURSES.flatMap((course) =>
    PEER_KINDS.map((kind): [PolicySet, SetSpec] => [
      groupRoute(direction, course, kind),
      { key: ['mark'], data: 'verdict', comment: 'outcome: chain' },
    ]),
  ),
]);

export const POLICY_SETS: ReadonlyMap<PolicySet, SetSpec> = new Map([
  ...FAMILIES.flatMap(familySets),
  [
    'group',
    { key: ['mark', 'mark', 'mark'], data: NUMBER, comment: 'class, peer class, direction: rule, outcome' },
  ],
  [
    'verdict',
    {
      key: ['mark', 'mark', 'mark', 'inet_proto', 'inet_service'],
      data: NUMBER,
      comment: 'class, peer class, direction and bits, port: rule, outcome',
    },
  ],
  ['pod-interface', { key: ['ifindex'], comment: 'interfaces of local pods' }],
  ['closed-interface', { key: ['ifindex'], comment: 'those that nothing passes yet' }],
  [
    'judged',
    {
      key: ['mark', 'mark'],
      dynamic: true,
      timeout: true,
      size: JUDGED_SIZE,
      comment: 'open flows that the rows of the revision allowed: id in conntrack, revision',
    },
  ],
  ['revision', { key: ['mark'], data: NUMBER, comment: '0: (nothing), revision of the rows' }],
  ['name', { key: ['mark', 'mark'], comment: 'kind, number: digest of what it stands for' }],
  ...ROUTES,
] satisfies [PolicySet, SetSpec][]);

export const POLICY_TABLE: TableLayout<PolicySet> = {
  table: 'weir-policy',
  sets: POLICY_SETS,
  kernelWritten: new Set(['judged', 'dialled4', 'dialled6']),
  chainRow: () => undefined,
};
