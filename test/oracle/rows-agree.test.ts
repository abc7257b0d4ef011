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

it('[A1–A23] [A25–A56] [A62–A64] [A66] [E11] [E12] [E27] [I2] [I8] rows decide as the objects demand', () => {
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
  const names = (only: boolean) =>
    decision.candidates
      .filter(({ masquerade }) => masquerade || !only)
      .map(({ backend }) => formatEndpoint(backend.address, backend.port))
      .sort(compareText);
  return {
    verdict: decision.verdict,
    candidates: names(false),
    masqueraded: names(true),
    service: decision.service?.displayName ?? null,
    frontend: decision.frontend?.kind ?? null,
    affinitySeconds: decision.service?.affinitySeconds ?? null,
  };
}
