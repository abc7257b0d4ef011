/**
 * Compiled policy rows, looked up as the kernel does, say what the oracle says from the objects: for every pair, port and
 * protocol. WEIR_PROPERTY_RUNS makes the comparison longer; WEIR_PROPERTY_SEED repeats one.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import { decidePolicy, policyTables } from '../../src/dataplane/policy-decision.ts';
import type { Address } from '../../src/model/address.ts';
import { type NodeName, objectName, PROTOCOLS, type Protocol } from '../../src/model/names.ts';
import type { PodObject, WeirObject } from '../../src/model/objects.ts';
import { DIRECTIONS } from '../../src/model/policy-rows.ts';
import type { ClusterView } from '../../src/model/view.ts';
import { createWorld } from '../../src/world/world.ts';
import { askedPorts, EXTERNALS, NODES, policyClusters } from './generated-policies.ts';
import { coveringClusters } from './policy-features.ts';
import { expectPolicy, type PolicyCase, policyClusterOf } from './policy-oracle.ts';

const RUNS = Number(process.env.WEIR_PROPERTY_RUNS ?? 150);
const SEED = process.env.WEIR_PROPERTY_SEED;
/** Ten times what a set takes on a quiet machine. */
const TIMEOUT_MS = 120_000 + RUNS * 500;

const HELD = [
  'C1',
  'C2',
  'C4',
  'C5',
  'C6',
  'C7',
  'C8',
  'C9',
  'C10',
  'C14',
  'C19',
  'C20',
  'C22',
  'C25',
  'C26',
  'C29',
];
const ROWS = [...HELD, 'I12', 'I13', 'I14', 'I18', 'I20'].map((row) => `[${row}]`).join('');

it(`${ROWS} compiled rows decide as the API's text does`, { timeout: TIMEOUT_MS }, () => {
  fc.assert(
    fc.property(policyClusters, askedPorts, (objects, ports) => {
      const world = createWorld();
      world.apply(objects.map((object) => ({ type: 'set', object })));
      const differences = NODES.flatMap((node) => differencesOn(node, { objects, ports, view: world.view }));
      expect(differences.slice(0, 5)).toEqual([]);
    }),
    {
      numRuns: RUNS,
      examples: coveringClusters().map((objects) => [objects, [80, 8080, 443, 32000]]),
      ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    },
  );
});

interface Case {
  readonly objects: readonly WeirObject[];
  readonly ports: readonly number[];
  readonly view: ClusterView;
}

function differencesOn(node: NodeName, { objects, ports, view }: Case): readonly string[] {
  const cluster = policyClusterOf(objects);
  const { rows } = compilePolicies(view, node);
  const tables = policyTables(rows);
  const peers = [...new Set([...objects.flatMap(addressesOf), ...EXTERNALS])];
  const differences: string[] = [];
  for (const subject of cluster.pods) {
    if (subject.nodeName !== node) continue;
    const row = rows.subjects.get(objectName(subject.namespace, subject.name));
    for (const asked of cases(subject, peers, ports)) {
      const expected = expectPolicy(cluster, asked);
      const verdict =
        row === undefined ? null : decidePolicy(tables, { ...asked, policyClass: row.policyClass });
      const got = {
        verdict: verdict?.verdict ?? 'allow',
        selected: row !== undefined,
        auditDenies: (verdict?.auditRule ?? null) !== null,
      };
      if (!sameAnswer(got, expected) || (verdict !== null && !rows.rules.has(verdict.rule)))
        differences.push(JSON.stringify({ asked: textOf(asked), expected, got, rule: verdict?.rule }));
    }
  }
  return differences;
}

function* cases(
  subject: PodObject,
  peers: readonly Address[],
  ports: readonly number[],
): Iterable<PolicyCase> {
  for (const direction of DIRECTIONS)
    for (const peer of peers)
      for (const protocol of [...PROTOCOLS, null] as (Protocol | null)[])
        for (const port of protocol === null ? [0] : ports)
          yield { subject, direction, peer, protocol, port };
}

function sameAnswer<Answer extends object>(a: Answer, b: Answer): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

function addressesOf(object: WeirObject): readonly Address[] {
  if (object.kind === 'Pod') return object.addresses;
  return object.kind === 'Node' ? object.addresses.map((each) => each.address) : [];
}

function textOf({ subject, ...rest }: PolicyCase): string {
  return JSON.stringify({ subject: `${subject.namespace}/${subject.name}`, ...rest });
}
