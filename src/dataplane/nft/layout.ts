/**
 * Sets and maps of the table `inet weir`: the nft form of the design's tables. nft needs a set per family, hence the
 * suffixes 4 and 6; nothing outside this folder notices. Field order within a key is chosen so that the chains in
 * `chains/` can build it in consecutive registers.
 */
import type { DataType, SetSpec } from '../../kernel/native.ts';
import type { Family } from '../../model/address.ts';
import { MOST_SLOTS } from '../schedule/shares.ts';

export const TABLE = 'weir';

/** Packets from local pods and this node, or from anywhere else. */
export type Direction = 'inside' | 'outside';
export const DIRECTIONS: readonly Direction[] = ['inside', 'outside'];

/** Which of a service's two slot lists. */
export type ListName = 'cluster' | 'local';
/** Number of a list in keys. */
export const LIST_NUMBER: Readonly<Record<ListName, number>> = { cluster: 0, local: 1 };
/** Slot numbers of the local list start here, so that one map holds both lists (numgen adds it as its offset). */
export const LOCAL_SLOT_OFFSET = MOST_SLOTS;

type Suffix = 4 | 6;
/** Sets that exist once per family. */
type FamilySet =
  | `frontend-${Direction}`
  | `host-port-${Direction}`
  | `pingable-${Direction}`
  | 'cluster-ip'
  | 'hidden-cluster-ip'
  | 'echo'
  | 'service'
  | 'slot'
  | 'affinity'
  | 'tried'
  | 'member'
  | 'source'
  | 'service-cidr'
  | 'inside'
  | 'node-port-address'
  | 'other-node'
  | 'local-backend'
  | 'hairpin'
  | 'masquerade-source'
  | 'non-masquerade';
/**
 * Maps from numbers to the chains that they stand for, one for each stage of a packet's way: chains may only lead
 * to later ones, since the kernel refuses loops.
 */
export type Route = 'route' | 'route-allowed' | 'route-pick';
/** Sets that both families share. */
type SharedSet =
  | Route
  | 'stick'
  | 'after-sources'
  | 'sticky-pick'
  | 'sticky-learn'
  | 'sticky-protocol'
  | 'retry'
  | 'masquerade-all';
export type SetName = `${FamilySet}${Suffix}` | SharedSet;

export function familySet(name: FamilySet, family: Family): SetName {
  return `${name}${family === 'IPv4' ? 4 : 6}`;
}

/** Most clients that all affinities together remember; the oldest entries time out, a full map learns no more. */
export const AFFINITY_SIZE = 262_144;

/** Most attempts of the last seconds that are remembered; in a full set others may meet the same backend again. */
export const TRIED_SIZE = 65_536;

/** A number as a map's value; why a word goes before it, `lookUpNumber` tells. */
const NUMBER: readonly DataType[] = ['mark', 'mark'];

/** Every set of the table by name. Ids of services are of nft's type `mark`, its only plain 32-bit number. */
export const SETS: ReadonlyMap<SetName, SetSpec> = new Map([
  ...familySets('IPv4', 'ipv4_addr'),
  ...familySets('IPv6', 'ipv6_addr'),
  ['route', { key: ['mark'], data: 'verdict', comment: 'number: chain that it stands for' }],
  ['route-allowed', { key: ['mark'], data: 'verdict', comment: 'the same, behind source ranges' }],
  ['route-pick', { key: ['mark'], data: 'verdict', comment: 'the same, behind affinity' }],
  ['stick', { key: ['mark'], data: 'verdict', comment: 'seconds: chain that learns with this timeout' }],
  ['after-sources', { key: ['mark'], data: NUMBER, comment: 'service: (nothing), route-allowed' }],
  ['sticky-pick', { key: ['mark', 'mark'], data: NUMBER, comment: 'service, list: (nothing), route-pick' }],
  ['sticky-learn', { key: ['mark'], data: NUMBER, comment: 'service: (nothing), affinity seconds' }],
  ['retry', { key: ['mark'], comment: 'services whose unanswered TCP connections are tried elsewhere' }],
  ['sticky-protocol', { key: ['inet_proto'], comment: 'protocols of services with affinity' }],
  [
    'masquerade-all',
    { key: ['inet_proto'], comment: 'protocols whose every translated flow is masqueraded' },
  ],
] satisfies [SetName, SetSpec][]);

/** Sets whose elements the kernel writes: they are read, never compared. */
export const KERNEL_WRITTEN: ReadonlySet<SetName> = new Set<SetName>([
  'affinity4',
  'affinity6',
  'tried4',
  'tried6',
]);

function familySets(family: Family, address: DataType): [SetName, SetSpec][] {
  const frontend: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  const endpoint: readonly DataType[] = [address, 'inet_service'];
  const specs: [FamilySet, SetSpec][] = [
    ...DIRECTIONS.flatMap((direction): [FamilySet, SetSpec][] => [
      [`frontend-${direction}`, { key: frontend, data: NUMBER, comment: 'frontend: (nothing), route' }],
      [
        `host-port-${direction}`,
        { key: frontend, data: NUMBER, comment: 'the same, at addresses of this node only' },
      ],
      [`pingable-${direction}`, { key: [address], comment: 'service addresses that answer ping' }],
    ]),
    ['cluster-ip', { key: [address], comment: 'cluster IPs: other ports are refused' }],
    ['hidden-cluster-ip', { key: [address], comment: 'cluster IPs that the outside can not reach' }],
    ['echo', { key: ['inet_proto'], data: [address], comment: 'who answers pings to services' }],
    ['service', { key: frontend, data: NUMBER, comment: 'frontend: (nothing), service number' }],
    [
      'slot',
      { key: ['mark', 'mark'], data: ['mark', ...endpoint], comment: 'service, slot: (nothing), backend' },
    ],
    [
      'affinity',
      {
        key: [address, 'mark'],
        data: ['mark', ...endpoint],
        dynamic: true,
        timeout: true,
        size: AFFINITY_SIZE,
        comment: 'client, service: service, backend',
      },
    ],
    [
      'tried',
      {
        key: ['inet_service', 'mark', ...endpoint],
        dynamic: true,
        timeout: true,
        size: TRIED_SIZE,
        comment: 'client port, TCP sequence, backend that was asked',
      },
    ],
    [
      'member',
      { key: ['mark', 'mark', ...endpoint], comment: 'list, service, backend that affinity may keep' },
    ],
    ['source', { key: ['mark', address], interval: true, comment: 'service, source ranges' }],
    ['service-cidr', { key: [address], interval: true, comment: 'addresses only Services may have' }],
    ['inside', { key: [address], interval: true, comment: 'local pods and this node' }],
    ['node-port-address', { key: [address], interval: true, comment: 'where node ports are served' }],
    ['other-node', { key: [address], comment: 'node-port addresses of other nodes' }],
    ['local-backend', { key: [address], comment: 'backends on this node' }],
    ['hairpin', { key: [address, address], comment: 'a local pod reaching itself' }],
    ['masquerade-source', { key: [address], interval: true, comment: 'pods masqueraded when leaving' }],
    ['non-masquerade', { key: [address], interval: true, comment: 'where they are not' }],
  ];
  return specs.map(([name, spec]) => [familySet(name, family), spec]);
}
