/** The rows that are (to be) installed with the elements they stand for: turns changes of rows into deltas. */

import type { Prefix } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type {
  PeerClassName,
  PeerRow,
  PolicyClassName,
  PolicyClassRows,
  PolicyRows,
  RuleName,
  RuleRow,
  SubjectRow,
} from '../../../model/policy-rows.ts';
import type { PodInterface, PolicyChange } from '../../policy-change.ts';
import { createElementStore, type ElementDelta, type ElementStore } from '../element-store.ts';
import { POLICY_TABLE, type PolicySet } from './layout.ts';
import {
  isSingleAddress,
  lowerBlocks,
  lowerClass,
  lowerFixed,
  lowerPeer,
  lowerPod,
  type PolicyElement,
} from './lower.ts';
import type { Names } from './names.ts';

export interface InstalledPolicies {
  readonly store: ElementStore<PolicySet>;
  /** Live. */
  readonly rows: PolicyRows;
  /** Takes the change in and tells what it means for the kernel. */
  change(change: PolicyChange): ElementDelta<PolicySet>;
}

export function installedPolicies(
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  names: Names,
  closedPrefixes: readonly Prefix[],
): InstalledPolicies {
  const wanted = wantedAtFirst(rows, interfaces);
  const { peers, blocks, subjects, classes, joined } = wanted;
  const store = createElementStore(POLICY_TABLE);

  const peer = (prefix: Prefix) => {
    const row = peers.get(prefix);
    return row === undefined || blocks.has(prefix) ? [] : lowerPeer(prefix, row.peerClass, names);
  };
  const pod = (name: ObjectName) => lowerPod(subjects.get(name), joined.get(name), names);

  function* all(): Iterable<PolicyElement> {
    yield* lowerFixed(closedPrefixes);
    for (const prefix of peers.keys()) yield* peer(prefix);
    yield* lowerBlocks(blocks, names);
    for (const name of new Set([...subjects.keys(), ...joined.keys()])) yield* pod(name);
    for (const found of classes.values()) yield* lowerClass(found, names);
  }
  store.fill(all());
  names.follow([], store.elements('name'));

  return {
    store,
    rows: wanted,
    change(change) {
      const prefixes = [...(change.rows?.peers.keys() ?? [])];
      const pods = new Set([...(change.rows?.subjects.keys() ?? []), ...(change.interfaces?.keys() ?? [])]);
      const before = [...(change.rows?.classes.keys() ?? [])].map(
        (name) => [name, classes.get(name)] as const,
      );
      const after = before.map(([name]) => [name, change.rows?.classes.get(name) ?? undefined] as const);
      const lowered = (
        changed: typeof before,
        others: ReadonlyMap<PolicyClassName, PolicyClassRows | undefined>,
      ): readonly PolicyElement[] => [
        // Blocks overlap: how one is cut depends on all of them.
        ...(prefixes.every(isSingleAddress) ? [] : lowerBlocks(blocks, names)),
        ...prefixes.flatMap(peer),
        ...[...pods].flatMap(pod),
        ...changed.flatMap(([name, found]) =>
          found === undefined ? [] : lowerClass(found, names, others.get(name)),
        ),
      ];
      const removed = lowered(before, new Map(after));
      take(wanted, change);
      const delta = store.exchange(removed, lowered(after, new Map(before)));
      names.follow(delta.deleted, delta.added);
      return delta;
    },
  };
}

/** What ought to be in the kernel. */
interface Wanted extends PolicyRows {
  readonly peers: Map<Prefix, PeerRow>;
  /** Of the peers, those that are more than one address. */
  readonly blocks: Map<Prefix, PeerClassName | null>;
  readonly subjects: Map<ObjectName, SubjectRow>;
  readonly classes: Map<PolicyClassName, PolicyClassRows>;
  readonly rules: Map<RuleName, RuleRow>;
  readonly joined: Map<ObjectName, PodInterface>;
}

function wantedAtFirst(rows: PolicyRows, interfaces: ReadonlyMap<ObjectName, PodInterface>): Wanted {
  const blocks = [...rows.peers.values()].filter(({ prefix }) => !isSingleAddress(prefix));
  return {
    peers: new Map(rows.peers),
    blocks: new Map(blocks.map(({ prefix, peerClass }) => [prefix, peerClass])),
    subjects: new Map(rows.subjects),
    classes: new Map(rows.classes),
    rules: new Map(rows.rules),
    joined: new Map(interfaces),
  };
}

function take(wanted: Wanted, { rows, interfaces = new Map() }: PolicyChange): void {
  for (const [prefix, row] of rows?.peers ?? []) {
    assign(wanted.peers, prefix, row);
    if (isSingleAddress(prefix)) continue;
    if (row === null) wanted.blocks.delete(prefix);
    else wanted.blocks.set(prefix, row.peerClass);
  }
  for (const [name, row] of rows?.subjects ?? []) assign(wanted.subjects, name, row);
  for (const [name, row] of rows?.classes ?? []) assign(wanted.classes, name, row);
  for (const [name, row] of rows?.rules ?? []) assign(wanted.rules, name, row);
  for (const [name, value] of interfaces) assign(wanted.joined, name, value);
}

function assign<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}
