/**
 * Sets and maps of the table `inet weir`: the nft form of the design's tables. nft needs a set per family, hence the
 * suffixes 4 and 6; nothing outside this folder notices. Field order within a key is chosen so that the chains in
 * `chains/` can build it in consecutive registers.
 */
import type { DataType, SetSpec } from '../../kernel/native.ts';
import type { Family } from '../../model/address.ts';

export const TABLE = 'weir';
export const TABLE_FAMILY = 'inet';

/** Packets from local pods and this node, or from anywhere else. */
export type Direction = 'inside' | 'outside';
export const DIRECTIONS: readonly Direction[] = ['inside', 'outside'];

/** Which of a service's two slot lists. */
export type ListName = 'cluster' | 'local';
/** Number of a list in keys. */
export const LIST_NUMBER: Readonly<Record<ListName, number>> = { cluster: 0, local: 1 };
/** Slot numbers of the local list start here, so that one map holds both lists (numgen adds it as its offset). */
export const LOCAL_SLOT_OFFSET = 65536;

type Suffix = 4 | 6;
/** Sets that exist once per family. */
type FamilySet =
  | `frontend-${Direction}`
  | `host-port-${Direction}`
  | `address-${Direction}`
  | `pingable-${Direction}`
  | 'echo'
  | 'service'
  | 'slot'
  | 'affinity'
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
/** Sets that both families share. */
type SharedSet = 'after-sources' | 'sticky-pick' | 'sticky-learn' | 'masquerade-all' | 'skeleton';
export type SetName = `${FamilySet}${Suffix}` | SharedSet;

export function familySet(name: FamilySet, family: Family): SetName {
  return `${name}${family === 'IPv4' ? 4 : 6}`;
}

/** Most clients that all affinities together remember; the oldest entries time out, a full map learns no more. */
export const AFFINITY_SIZE = 262_144;

/** Every set of the table by name. Ids of services are of nft's type `mark`, its only plain 32-bit number. */
export const SETS: ReadonlyMap<SetName, SetSpec> = new Map([
  ...familySets('IPv4', 'ipv4_addr'),
  ...familySets('IPv6', 'ipv6_addr'),
  ['after-sources', { key: ['mark'], data: 'verdict', comment: 'service: where an allowed source goes on' }],
  ['sticky-pick', { key: ['mark', 'mark'], data: 'verdict', comment: 'service, list: pick chain' }],
  [
    'sticky-learn',
    { key: ['mark'], data: 'verdict', comment: 'service: chain that learns with its timeout' },
  ],
  [
    'masquerade-all',
    { key: ['inet_proto'], comment: 'protocols whose every translated flow is masqueraded' },
  ],
  ['skeleton', { key: ['mark'], comment: 'digest of the chains in place' }],
] satisfies [SetName, SetSpec][]);

/** Sets whose elements the kernel writes: they are read, never compared. */
export const KERNEL_WRITTEN: ReadonlySet<SetName> = new Set<SetName>(['affinity4', 'affinity6']);

function familySets(family: Family, address: DataType): [SetName, SetSpec][] {
  const frontend: readonly DataType[] = [address, 'inet_proto', 'inet_service'];
  const endpoint: readonly DataType[] = [address, 'inet_service'];
  const specs: [FamilySet, SetSpec][] = [
    ...DIRECTIONS.flatMap((direction): [FamilySet, SetSpec][] => [
      [`frontend-${direction}`, { key: frontend, data: 'verdict', comment: 'frontend: what to do with it' }],
      [
        `host-port-${direction}`,
        { key: frontend, data: 'verdict', comment: 'the same, at addresses of this node only' },
      ],
      [
        `address-${direction}`,
        { key: [address], data: 'verdict', comment: 'service address: any other port' },
      ],
      [`pingable-${direction}`, { key: [address], comment: 'service addresses that answer ping' }],
    ]),
    ['echo', { key: ['inet_proto'], data: [address], comment: 'who answers pings to services' }],
    ['service', { key: frontend, data: ['mark', 'mark'], comment: 'frontend: (nothing), service number' }],
    ['slot', { key: ['mark', 'mark'], data: endpoint, comment: 'service, slot: backend' }],
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
