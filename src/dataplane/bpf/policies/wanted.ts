/** What ought to be in the maps, with what it takes to find whom a change concerns without looking at everybody. */
import type { Prefix } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type {
  PeerClassName,
  PolicyClassName,
  PolicyClassRows,
  PolicyRows,
  SubjectRow,
} from '../../../model/policy-rows.ts';
import type { PodInterface, PolicyChange } from '../../policy-change.ts';
import { ALL_IPV4, drawFamilyBorder } from './family-border.ts';

export interface Wanted {
  readonly peers: Map<Prefix, PeerClassName | null>;
  readonly subjects: Map<ObjectName, SubjectRow>;
  readonly classes: Map<PolicyClassName, PolicyClassRows>;
  readonly interfaces: Map<ObjectName, PodInterface>;
  /** Subjects by class. */
  readonly members: Map<PolicyClassName, Set<ObjectName>>;
  /** Whose interface has this index. */
  readonly owners: Map<number, ObjectName>;
  /** Interfaces between which packets may go past the node's stack; also of some that have no pod (any more). */
  passable: ReadonlySet<number>;
}

/** What may differ from what is installed. */
export interface Touched {
  readonly peers: readonly Prefix[];
  readonly classes: readonly PolicyClassName[];
  /** Indexes of interfaces. */
  readonly interfaces: ReadonlySet<number>;
}

export const NOTHING_TOUCHED: Touched = { peers: [], classes: [], interfaces: new Set() };

export function emptyWanted(): Wanted {
  return {
    peers: new Map(),
    subjects: new Map(),
    classes: new Map(),
    interfaces: new Map(),
    members: new Map(),
    owners: new Map(),
    passable: new Set(),
  };
}

/** From now on these, and nothing else. */
export function wantAll(
  wanted: Wanted,
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
): void {
  const { peers, subjects, classes, members, owners } = wanted;
  for (const map of [peers, subjects, classes, wanted.interfaces, members, owners]) map.clear();
  wantChange(wanted, { rows, interfaces });
}

/** Returns what the change is about. */
export function wantChange(wanted: Wanted, { rows, interfaces = new Map() }: PolicyChange): Touched {
  const touched = new Set<number>();
  for (const [prefix, row] of rows?.peers ?? [])
    setOrDelete(wanted.peers, prefix, row === null ? null : { to: row.peerClass });
  drawFamilyBorder(wanted.peers);
  for (const [name, row] of rows?.classes ?? []) setOrDelete(wanted.classes, name, row && { to: row });
  for (const [pod, value] of interfaces) setInterface(wanted, pod, value, touched);
  for (const [pod, row] of rows?.subjects ?? []) {
    setSubject(wanted, pod, row);
    const joined = wanted.interfaces.get(pod);
    if (joined !== undefined) touched.add(joined.interfaceIndex);
  }
  return {
    peers: [ALL_IPV4, ...(rows?.peers.keys() ?? [])],
    classes: [...(rows?.classes.keys() ?? [])],
    interfaces: touched,
  };
}

/** Returns which interfaces that is about. */
export function wantPassable(wanted: Wanted, passable: ReadonlySet<number>): Touched {
  const interfaces = wanted.passable.symmetricDifference(passable);
  wanted.passable = passable;
  return { ...NOTHING_TOUCHED, interfaces };
}

function setInterface(
  { interfaces, owners }: Wanted,
  pod: ObjectName,
  value: PodInterface | null,
  touched: Set<number>,
): void {
  const before = interfaces.get(pod)?.interfaceIndex;
  if (before !== undefined) {
    touched.add(before);
    // In the same change another pod may have got it.
    if (owners.get(before) === pod) owners.delete(before);
  }
  setOrDelete(interfaces, pod, value && { to: value });
  if (value === null) return;
  touched.add(value.interfaceIndex);
  owners.set(value.interfaceIndex, pod);
}

function setSubject({ subjects, members }: Wanted, pod: ObjectName, row: SubjectRow | null): void {
  const before = subjects.get(pod)?.policyClass;
  if (before !== undefined && before !== row?.policyClass) {
    const others = members.get(before);
    others?.delete(pod);
    if (others?.size === 0) members.delete(before);
  }
  setOrDelete(subjects, pod, row && { to: row });
  if (row === null) return;
  const others = members.get(row.policyClass);
  if (others === undefined) members.set(row.policyClass, new Set([pod]));
  else others.add(pod);
}

/** null: the key goes. */
function setOrDelete<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  change: { readonly to: Value } | null,
): void {
  if (change === null) map.delete(key);
  else map.set(key, change.to);
}
