/** Random policy rows of a small node, and how their tables should look. */

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { unmappedAddress, unmappedPrefix } from '../../../src/dataplane/bpf/mapped-address.ts';
import type { PolicyDataplane } from '../../../src/dataplane/bpf/policies/dataplane.ts';
import type { PolicyTables } from '../../../src/dataplane/bpf/policies/tables.ts';
import type { PodInterface } from '../../../src/dataplane/policy-change.ts';
import type { Verdict, VerdictGroupKey } from '../../../src/generated/policy.ts';
import {
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  splitPrefix,
} from '../../../src/model/address.ts';
import { type ObjectName, PROTOCOLS } from '../../../src/model/names.ts';
import {
  DIRECTIONS,
  type PeerClassName,
  type PolicyClassName,
  type PolicyClassRows,
  type PolicyRows,
  type PolicyRowsChange,
  type RuleName,
  type VerdictRow,
} from '../../../src/model/policy-rows.ts';

export interface State {
  readonly rows: PolicyRows;
  readonly interfaces: ReadonlyMap<ObjectName, PodInterface>;
}

const PEER_CLASSES = ['a', 'b', 'c', 'd'] as PeerClassName[];
const POLICY_CLASSES = ['x', 'y', 'z'] as PolicyClassName[];
const PODS = ['n/p1', 'n/p2', 'n/p3', 'n/p4'] as ObjectName[];
const RULES = Array.from({ length: 8 }, (_, index) => `rule ${index}` as RuleName);
const PREFIXES = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '10.2.0.4/32',
  '::/0',
  'fd00::/8',
  'fd00:1::/32',
  'fd00:1::5/128',
  'fd00:2::6/128',
].map(prefix);

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new Error(`not a prefix: ${text}`);
  return parsed;
}

const verdictRow = fc
  .record({
    direction: fc.constantFrom(...DIRECTIONS),
    peerClass: fc.constantFrom(null, ...PEER_CLASSES),
    protocol: fc.constantFrom(null, ...PROTOCOLS),
    number: fc.integer({ min: 0, max: 65_535 }),
    bits: fc.integer({ min: 0, max: 16 }),
    verdict: fc.constantFrom('allow', 'deny'),
    rule: fc.constantFrom(...RULES),
    auditRule: fc.constantFrom(null, ...RULES),
  })
  .map(({ number, ...row }): VerdictRow => {
    const bits = row.protocol === null ? 0 : row.bits;
    return { ...row, bits, port: bits === 0 ? 0 : (number >> (16 - bits)) << (16 - bits) };
  });

const keyOf = (row: VerdictRow) => [row.direction, row.peerClass, row.protocol, row.port, row.bits].join();

function classOf(name: PolicyClassName): fc.Arbitrary<PolicyClassRows> {
  return fc
    .uniqueArray(verdictRow, { selector: keyOf, maxLength: 12 })
    .map((verdicts) => ({ name, verdicts }));
}

const subset = <Value>(values: readonly Value[]) => fc.subarray([...values]);

/** Any state of the node. */
const choices = fc.record({
  prefixes: subset(PREFIXES),
  peerClasses: fc.array(fc.constantFrom(null, ...PEER_CLASSES), { minLength: 11, maxLength: 11 }),
  classes: fc.tuple(...POLICY_CLASSES.map(classOf)),
  selected: subset(PODS),
  policyClasses: fc.array(fc.constantFrom(...POLICY_CLASSES), { minLength: 4, maxLength: 4 }),
  present: subset(PODS),
  held: subset(PODS),
  /** By how much indexes of interfaces go from pod to pod. */
  turn: fc.nat(PODS.length - 1),
});

type Choice = typeof choices extends fc.Arbitrary<infer Value> ? Value : never;

export const anyState: fc.Arbitrary<State> = choices.map(stateOf);

/** Each pod keeps its interface: addresses are of no revision. */
export const stateOfSettledPods: fc.Arbitrary<State> = choices.map((choice) =>
  stateOf({ ...choice, turn: 0 }),
);

function stateOf(choice: Choice): State {
  const at = <Value>(values: readonly Value[], index: number) => values[index % values.length] as Value;
  const classes = new Map(choice.classes.map((rows) => [rows.name, rows] as const));
  const addresses = (pod: ObjectName) =>
    [`10.9.0.${PODS.indexOf(pod) + 1}`, `fd09::${PODS.indexOf(pod) + 1}`].flatMap(
      (text) => parseAddress(text) ?? [],
    );
  return {
    rows: {
      peers: new Map(
        choice.prefixes.map(
          (text, index) => [text, { prefix: text, peerClass: at(choice.peerClasses, index) }] as const,
        ),
      ),
      subjects: new Map(
        choice.selected.map(
          (pod, index) =>
            [pod, { pod, addresses: addresses(pod), policyClass: at(choice.policyClasses, index) }] as const,
        ),
      ),
      classes,
      rules: new Map(),
    },
    interfaces: new Map(
      choice.present.map(
        (pod) =>
          [
            pod,
            {
              pod,
              interfaceIndex: 10 + ((PODS.indexOf(pod) + choice.turn) % PODS.length),
              addresses: addresses(pod),
              held: choice.held.includes(pod),
            },
          ] as const,
      ),
    ),
  };
}

/** What leads from one state to another. */
export function changeOf(
  before: State,
  after: State,
): {
  readonly rows: PolicyRowsChange;
  readonly interfaces: ReadonlyMap<ObjectName, PodInterface | null>;
} {
  return {
    rows: {
      peers: difference(before.rows.peers, after.rows.peers),
      subjects: difference(before.rows.subjects, after.rows.subjects),
      classes: difference(before.rows.classes, after.rows.classes),
      rules: difference(before.rows.rules, after.rows.rules),
    },
    interfaces: difference(before.interfaces, after.interfaces),
  };
}

function difference<Key, Value>(before: ReadonlyMap<Key, Value>, after: ReadonlyMap<Key, Value>) {
  const gone = [...before.keys()].filter((key) => !after.has(key)).map((key) => [key, null] as const);
  const changed = [...after].filter(([key, value]) => !isDeepStrictEqual(value, before.get(key)));
  return new Map<Key, Value | null>([...gone, ...changed]);
}

/** Every prefix's class, by what the table says for the current revision; a search like the kernel's. */
export async function installedPeers(
  tables: PolicyTables,
  dataplane: PolicyDataplane,
): Promise<ReadonlyMap<Prefix, string>> {
  const revision = (await tables.revision.get(0)) ?? 0;
  const entries = (await tables.peers.entries()).map(
    ([key, { peerClass }]) => [unmappedPrefix(key), peerClass[revision & 1 ? 1 : 0]] as const,
  );
  const name = (number: number) =>
    number === 0 ? '' : (dataplane.contentOf('peer-class', number) ?? `number ${number}`);
  return new Map(
    PREFIXES.map((wanted) => {
      const around = entries.filter(([candidate]) => contains(candidate, wanted));
      const [longest] = around.toSorted(([a], [b]) => splitPrefix(b).length - splitPrefix(a).length);
      return [wanted, name(longest?.[1] ?? 0)] as const;
    }),
  );
}

function contains(wide: Prefix, narrow: Prefix): boolean {
  const { address, length } = splitPrefix(narrow);
  return splitPrefix(wide).length <= length && prefixContains(wide, address);
}

/** The same, from the rows. */
export function wantedPeers({ rows }: State): ReadonlyMap<Prefix, string> {
  return new Map(
    PREFIXES.map((wanted) => {
      const around = [...rows.peers.values()].filter((row) => contains(row.prefix, wanted));
      const [longest] = around.toSorted(
        (a, b) => splitPrefix(b.prefix).length - splitPrefix(a.prefix).length,
      );
      return [wanted, longest?.peerClass ?? ''] as const;
    }),
  );
}

/** How each interface is judged, in words: its state, and the verdicts of its class as sorted lines. */
export async function installedSubjects(tables: PolicyTables, dataplane: PolicyDataplane) {
  const revision = (await tables.revision.get(0)) ?? 0;
  const slot = revision & 1 ? 1 : 0;
  const [groups, ports] = [await tables.groups.entries(), await tables.ports.entries()];
  const named = (kind: 'peer-class' | 'rule', number: number) =>
    number === 0 ? null : (dataplane.contentOf(kind, number) ?? `number ${number}`);
  const line = (
    { direction, peerClass }: VerdictGroupKey,
    place: string,
    { action, rule, auditRule }: Verdict,
  ) => {
    const rules = [named('rule', rule), named('rule', auditRule)];
    return [direction, named('peer-class', peerClass), place, action, ...rules].join();
  };
  const lines = (policyClass: number) => {
    const those = groups.filter(([key]) => key.policyClass === policyClass);
    // A row that its group does not speak of is not found by a packet.
    const found = ports.filter(([key]) =>
      those.some(
        ([group, { portLengths }]) =>
          group.peerClass === key.peerClass &&
          group.direction === key.direction &&
          group.policyClass === key.policyClass &&
          (portLengths >> key.bits) & 1,
      ),
    );
    return [
      ...those
        .filter(([, { everything }]) => everything.action !== 'none')
        .map(([key, { everything }]) => line(key, 'every', everything)),
      ...found.map(([key, verdict]) => line(key, `${key.protocol}/${key.port}/${key.bits}`, verdict)),
    ].sort();
  };
  return new Map(
    (await tables.subjects.entries())
      .map(([index, subject]) => {
        const state = subject.state[slot];
        const addresses = [subject.ipv4, subject.ipv6].map(unmappedAddress);
        return [
          index,
          { state, addresses, lines: state === 'judged' ? lines(subject.policyClass[slot]) : [] },
        ] as const;
      })
      .toSorted(([a], [b]) => a - b),
  );
}

const NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

export function wantedSubjects({ rows, interfaces }: State) {
  const lines = (name: PolicyClassName) =>
    (rows.classes.get(name)?.verdicts ?? [])
      .map((row) => {
        const place = row.protocol === null ? 'every' : `${NUMBERS[row.protocol]}/${row.port}/${row.bits}`;
        return [row.direction, row.peerClass, place, row.verdict, row.rule, row.auditRule].join();
      })
      .sort();
  return new Map(
    [...interfaces.values()]
      .map(({ pod, interfaceIndex, addresses, held }) => {
        const row = rows.subjects.get(pod);
        const state = held ? 'closed' : row === undefined ? 'open' : 'judged';
        return [
          interfaceIndex,
          { state, addresses, lines: state === 'judged' && row !== undefined ? lines(row.policyClass) : [] },
        ] as const;
      })
      .toSorted(([a], [b]) => a - b),
  );
}

/** A state without policies, peers or pods. */
export const NOTHING: State = {
  rows: { peers: new Map(), subjects: new Map(), classes: new Map(), rules: new Map() },
  interfaces: new Map(),
};
