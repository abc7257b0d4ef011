/** The rows that are (to be) installed with the elements they stand for: turns changes of rows into deltas. */
import { NAME_KIND_WORDS } from '../../../generated/policy.ts';
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
import { createNumbers, type NameEntry, type Numbers } from '../../bpf/policies/numbers.ts';
import type { PodInterface } from '../../bpf/policies/subjects.ts';
import { numberFromKey } from '../element.ts';
import { createElementStore, type ElementDelta, type ElementStore } from '../element-store.ts';
import type { Observed } from '../read-back.ts';
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

export interface InstalledPolicies {
  readonly store: ElementStore<PolicySet>;
  /** Takes the change in and tells what it means for the kernel. */
  change(change: PolicyChange): ElementDelta<PolicySet>;
}

/** The numbers that the table's names stand for. */
export function adoptNumbers(observed: Observed<PolicySet>): Numbers {
  const entries = [...(observed.sets.get('name')?.values() ?? [])].flatMap((element): NameEntry[] => {
    const { kind, number } = nameKey(element);
    if (kind === undefined || element.comment === undefined) return [];
    return [[{ kind, number }, Buffer.from(element.comment, 'hex')]];
  });
  return createNumbers(entries);
}

export function installedPolicies(
  rows: PolicyRows,
  interfaces: ReadonlyMap<ObjectName, PodInterface>,
  numbers: Numbers,
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
    return peerClass === undefined ? [] : lowerPeer(prefix, peerClass, numbers);
  };
  const pod = (name: ObjectName) => lowerPod(subjects.get(name), joined.get(name), numbers);
  const policyClass = (name: PolicyClassName) => {
    const found = classes.get(name);
    return found === undefined ? [] : lowerClass(found, numbers);
  };

  function* all(): Iterable<PolicyElement> {
    yield* lowerFixed();
    for (const prefix of peers.keys()) yield* peer(prefix);
    yield* lowerBlocks(blocks, numbers);
    for (const name of new Set([...subjects.keys(), ...joined.keys()])) yield* pod(name);
    for (const name of classes.keys()) yield* policyClass(name);
  }
  store.fill(all());
  followNames(numbers, [], [...store.elements('name')]);

  return {
    store,
    change({ rows: changed, interfaces: moved }) {
      const prefixes = [...(changed?.peers.keys() ?? [])];
      const single = prefixes.filter(isSingleAddress);
      const pods = new Set([...(changed?.subjects.keys() ?? []), ...(moved?.keys() ?? [])]);
      const touchedClasses = [...(changed?.classes.keys() ?? [])];
      // Blocks overlap: how one is cut depends on all of them.
      const lowered = (): readonly PolicyElement[] => [
        ...(prefixes.length > single.length ? lowerBlocks(blocks, numbers) : []),
        ...single.flatMap(peer),
        ...[...pods].flatMap(pod),
        ...touchedClasses.flatMap(policyClass),
      ];
      const removed = lowered();
      for (const [prefix, row] of changed?.peers ?? [])
        assign(isSingleAddress(prefix) ? peers : blocks, prefix, row === null ? undefined : row.peerClass);
      for (const [name, row] of changed?.subjects ?? []) assign(subjects, name, row ?? undefined);
      for (const [name, row] of changed?.classes ?? []) assign(classes, name, row ?? undefined);
      for (const [name, value] of moved ?? []) assign(joined, name, value ?? undefined);
      const delta = store.exchange(removed, lowered());
      followNames(numbers, delta.deleted, delta.added);
      return delta;
    },
  };
}

/** A number means its content for as long as the table names it. */
function followNames(
  numbers: Numbers,
  deleted: readonly PolicyElement[],
  added: readonly PolicyElement[],
): void {
  const each = (elements: readonly PolicyElement[], follow: Numbers['hold']) => {
    for (const element of elements) {
      if (element.set !== 'name') continue;
      const { kind, number } = nameKey(element);
      const content = kind && numbers.contentOf(kind, number);
      if (kind !== undefined && content !== undefined) follow(kind, content);
    }
  };
  each(added, numbers.hold);
  each(deleted, numbers.drop);
  if (deleted.some(({ set }) => set === 'name')) numbers.takeUnused();
  numbers.takeNew();
}

function nameKey({ key }: PolicyElement) {
  return { kind: NAME_KIND_WORDS[numberFromKey(key, 0)], number: numberFromKey(key, 4) };
}

function assign<Key, Value>(map: Map<Key, Value>, key: Key, value: Value | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
