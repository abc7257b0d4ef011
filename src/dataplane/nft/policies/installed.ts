/** The rows that are (to be) installed with the elements they stand for: turns changes of rows into deltas. */
import type { Prefix } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type {
  PeerClassName,
  PolicyClassName,
  PolicyClassRows,
  PolicyRows,
  SubjectRow,
} from '../../../model/policy-rows.ts';
import type { PolicyChange } from '../../bpf/policies/dataplane.ts';
import type { PodInterface } from '../../bpf/policies/subjects.ts';
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
  /** Takes the change in and tells what it means for the kernel. */
  change(change: PolicyChange): ElementDelta<PolicySet>;
}

export function installedPolicies(
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  names: Names,
  closedPrefixes: readonly Prefix[],
): InstalledPolicies {
  const peers = new Map<Prefix, PeerClassName | null>();
  const blocks = new Map<Prefix, PeerClassName | null>();
  const subjects = new Map<ObjectName, SubjectRow>(rows.subjects);
  const classes = new Map<PolicyClassName, PolicyClassRows>(rows.classes);
  const joined = new Map(interfaces);
  const store = createElementStore(POLICY_TABLE);
  for (const [prefix, { peerClass }] of rows.peers)
    (isSingleAddress(prefix) ? peers : blocks).set(prefix, peerClass);

  const peer = (prefix: Prefix) => {
    const peerClass = peers.get(prefix);
    return peerClass === undefined ? [] : lowerPeer(prefix, peerClass, names);
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
    change({ rows: changed, interfaces: moved }) {
      const prefixes = [...(changed?.peers.keys() ?? [])];
      const single = prefixes.filter(isSingleAddress);
      const pods = new Set([...(changed?.subjects.keys() ?? []), ...(moved?.keys() ?? [])]);
      // Blocks overlap: how one is cut depends on all of them.
      const lowered = (): readonly PolicyElement[] => [
        ...(prefixes.length > single.length ? lowerBlocks(blocks, names) : []),
        ...single.flatMap(peer),
        ...[...pods].flatMap(pod),
      ];
      const removed = [...lowered()];
      const added: PolicyElement[] = [];
      for (const [name, after] of changed?.classes ?? []) {
        const before = classes.get(name);
        if (before !== undefined) removed.push(...lowerClass(before, names, after ?? undefined));
        if (after !== null) added.push(...lowerClass(after, names, before));
        assign(classes, name, after ?? undefined);
      }
      for (const [prefix, row] of changed?.peers ?? [])
        assign(isSingleAddress(prefix) ? peers : blocks, prefix, row === null ? undefined : row.peerClass);
      for (const [name, row] of changed?.subjects ?? []) assign(subjects, name, row ?? undefined);
      for (const [name, value] of moved ?? []) assign(joined, name, value ?? undefined);
      const delta = store.exchange(removed, [...added, ...lowered()]);
      names.follow(delta.deleted, delta.added);
      return delta;
    },
  };
}

function assign<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
