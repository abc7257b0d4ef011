/**
 * Compiled rows, walked as the kernel walks them, say what the oracle says from the objects. WEIR_PROPERTY_RUNS makes
 * the comparison longer; WEIR_PROPERTY_SEED repeats one.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compileAll } from '../../src/compile/services/compiler.ts';
import { decide } from '../../src/explain/decide.ts';
import { type LookupTables, lookupTables } from '../../src/explain/lookup-tables.ts';
import { formatEndpoint } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import { compareText, type NodeName } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { clusters, compileOptions, questions } from './generators.ts';
import { expectService } from './oracle.ts';
import type { Expectation, Question } from './question.ts';

const RUNS = Number(process.env.WEIR_PROPERTY_RUNS ?? 400);
const SEED = process.env.WEIR_PROPERTY_SEED;
const QUESTIONS = 12;

const cases = clusters.chain((objects) =>
  fc.record({
    objects: fc.constant(objects),
    options: compileOptions,
    asked: fc.array(questions(objects), { minLength: 1, maxLength: QUESTIONS }),
  }),
);

/** Rows that the generated clusters and questions reach. */
const HELD = [
  ...[
    'A1',
    'A2',
    'A5',
    'A6',
    'A7',
    'A8',
    'A9',
    'A10',
    'A11',
    'A12',
    'A14',
    'A15',
    'A16',
    'A17',
    'A18',
    'A19',
    'A20',
  ],
  ...[
    'A21',
    'A23',
    'A25',
    'A26',
    'A27',
    'A28',
    'A29',
    'A30',
    'A31',
    'A32',
    'A33',
    'A34',
    'A35',
    'A36',
    'A41',
    'A42',
  ],
  ...[
    'A43',
    'A44',
    'A45',
    'A46',
    'A47',
    'A51',
    'A52',
    'A53',
    'A54',
    'A55',
    'A56',
    'A62',
    'A63',
    'A69',
    'E11',
    'E12',
  ],
  ...['E14', 'E27', 'F8', 'I2', 'I5', 'I8', 'I25'],
];

it(`${HELD.map((row) => `[${row}]`).join(' ')} rows decide as the objects demand`, () => {
  const verdicts = new Map<string, number>();
  fc.assert(
    fc.property(cases, ({ objects, options, asked }) => {
      const tables = compiledTables(objects, options);
      for (const question of asked) {
        const expected = expectService(objects, question, options);
        const key = `${expected.frontend ?? 'address'} ${expected.verdict}`;
        verdicts.set(key, (verdicts.get(key) ?? 0) + 1);
        expect(decideByRows(tables(question.node), question)).toEqual(expected);
      }
    }),
    { numRuns: RUNS, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
  expect([...verdicts.keys()]).toEqual(expect.arrayContaining(MUST_MEET));
});

/** Generators that stopped producing one of these would make the comparison hollow. */
const MUST_MEET = [
  ...['clusterIP', 'loadBalancerIP', 'externalIP', 'nodePort'].flatMap((kind) => [
    `${kind} translated`,
    `${kind} rejected`,
    `${kind} dropped`,
  ]),
  'hostPort translated',
  'address rejected',
  'address dropped',
  'address untouched',
];

/** The rows of each node, compiled when first asked for. */
function compiledTables(
  objects: readonly WeirObject[],
  options: CompileOptions,
): (node: NodeName) => LookupTables {
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  const made = new Map<NodeName, LookupTables>();
  return (node) => {
    const own = world.view.nodes.get(node)?.addresses.map(({ address }) => address) ?? [];
    const tables = made.get(node) ?? lookupTables(compileAll(world.view, { ...options, node }).rows, own);
    made.set(node, tables);
    return tables;
  };
}

function decideByRows(tables: LookupTables, question: Question): Expectation {
  const { source, destination, port, protocol } = question;
  const decision = decide(tables, {
    source: source.address,
    sourceIsThisNode: source.origin === 'node',
    destination,
    port,
    protocol,
  });
  const candidates = decision.candidates
    .map(({ backend, masquerade }) => {
      return { name: formatEndpoint(backend.address, backend.port), weight: backend.weight, masquerade };
    })
    .sort((a, b) => compareText(a.name, b.name));
  return {
    verdict: decision.verdict,
    candidates: candidates.map(({ name }) => name),
    weights: candidates.map(({ weight }) => weight),
    masqueraded: candidates.filter(({ masquerade }) => masquerade).map(({ name }) => name),
    service: decision.service?.displayName ?? null,
    frontend: decision.frontend?.kind ?? null,
    affinitySeconds: decision.service?.affinitySeconds ?? null,
  };
}
