import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import { openServiceTables, type ServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import { LAYOUT } from '../../../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../../src/kernel/bpf-object.ts';
import type { Table } from '../../../../src/kernel/bpf-table.ts';
import { OBJECT } from '../../../packet/policy-node.ts';
import { changeBetween } from '../../row-changes.ts';
import { type Answers, installedAnswers, wantedAnswers } from './service-answers.ts';
import { anyState, NOTHING, type State } from './service-walk.ts';

const RUNS = 20;
/** Of the test that looks at every table after every write. */
const WATCHED_RUNS = 10;

/** Tables that are read at once, however often. */
const SMALL = {
  frontends: 128,
  services: 64,
  slots: 256,
  backends: 256,
  service_names: 64,
  service_addresses: 64,
  node_addresses: 64,
  affinities: 64,
};

const TABLE_NAMES = [
  'frontends',
  'services',
  'slots',
  'backends',
  'names',
  'addresses',
  'prefixes',
  'nodeAddresses',
  'affinities',
] as const;

let object: BpfObject;
let tables: ServiceTables;

beforeAll(async () => {
  object = await loadBpfObject(OBJECT, LAYOUT, { maxEntries: SMALL });
  tables = openServiceTables(object.maps);
});
afterAll(() => object.close());
beforeEach(async () => {
  const dataplane = createServiceDataplane(tables);
  await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
  await dataplane.collect();
});

function changeOf(before: State, after: State) {
  return { rows: changeBetween(before.rows, after.rows), ownAddresses: after.ownAddresses };
}

async function expectInstalled(state: State): Promise<void> {
  expect(await installedAnswers(tables)).toEqual(wantedAnswers(state, state));
}

/** The tables, but every entry is written or deleted on its own, and `wrote` is called after each. */
function observed(all: ServiceTables, wrote: () => Promise<void>): ServiceTables {
  // One write after the other, also of those that are not waited for in turn.
  let last: Promise<unknown> = Promise.resolve();
  const inTurn = <Result>(work: () => Promise<Result>): Promise<Result> => {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  };
  const watch = <Key, Value>(table: Table<Key, Value>): Table<Key, Value> => ({
    ...table,
    set: (entries) =>
      inTurn(async () => {
        for (const entry of entries) {
          await table.set([entry]);
          await wrote();
        }
      }),
    delete: (keys) =>
      inTurn(async () => {
        let deleted = 0;
        for (const key of keys) {
          deleted += await table.delete([key]);
          await wrote();
        }
        return deleted;
      }),
  });
  return {
    ...all,
    frontends: watch(all.frontends),
    services: watch(all.services),
    slots: watch(all.slots),
    backends: watch(all.backends),
    addresses: watch(all.addresses),
    prefixes: watch(all.prefixes),
    nodeAddresses: watch(all.nodeAddresses),
  };
}

/** Answers that are none of the expected ones. */
function strangeAnswers(answers: Answers, expected: readonly Answers[]): readonly string[] {
  return [...answers].flatMap(([destination, { words, kept }]) => {
    const possible = expected.flatMap((state) => state.get(destination) ?? []);
    const backends = new Set(possible.flatMap((answer) => answer.kept));
    const same = possible.filter((answer) => answer.words === words);
    // Clients keep those that are chosen from, and perhaps one that is about to go or has just come.
    const keeps = same.some((answer) => answer.kept.every((backend) => kept.includes(backend)));
    const isKnown = kept.every((backend) => backends.has(backend));
    return keeps && isKnown ? [] : [`${destination}: ${words}, kept: ${kept.join()}`];
  });
}

async function contents(): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (const name of TABLE_NAMES) {
    const entries: readonly (readonly [unknown, unknown])[] = await tables[name].entries();
    for (const [key, value] of entries) all.set(`${name} ${JSON.stringify(key)}`, JSON.stringify(value));
  }
  return all;
}

/** Names what is written while `work` runs. */
async function writtenDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const before = await contents();
  await work();
  const after = await contents();
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
}

async function sizes(): Promise<Readonly<Record<string, number>>> {
  const all = TABLE_NAMES.map(async (name) => [name, (await tables[name].entries()).length] as const);
  return Object.fromEntries(await Promise.all(all));
}

describe('rows of Services in BPF maps', () => {
  it('[I16] answer as the rows say after every step of a walk, whichever way it went', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyState, fc.boolean(), fc.boolean()), { maxLength: 6 }),
        async (steps) => {
          let dataplane = createServiceDataplane(tables);
          await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
          let before = NOTHING;
          for (const [state, restarts, collects] of steps) {
            if (restarts) dataplane = createServiceDataplane(tables);
            if (restarts) await dataplane.sync(state.rows, state.ownAddresses);
            else await dataplane.apply(changeOf(before, state));
            if (collects) await dataplane.collect();
            await expectInstalled(state);
            before = state;
          }
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('[H8] every look-up meets a Service as it was or as it is to be, after every single write', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, anyState, anyState, async (first, second, third) => {
        let expected: readonly Answers[] = [];
        const dataplane = createServiceDataplane(
          observed(tables, async () => {
            expect(strangeAnswers(await installedAnswers(tables), expected)).toEqual([]);
          }),
        );
        await createServiceDataplane(tables).sync(NOTHING.rows, NOTHING.ownAddresses);
        const states = [NOTHING, first, second, third];
        for (const [index, state] of states.entries()) {
          const before = states[index - 1] ?? NOTHING;
          expected = [before, state].flatMap((services) =>
            [before, state].map((node) => wantedAnswers(services, node)),
          );
          if (index < 2) await dataplane.sync(state.rows, state.ownAddresses);
          else await dataplane.apply(changeOf(before, state));
          if (index !== 2) await dataplane.collect();
        }
        await expectInstalled(third);
      }),
      { numRuns: WATCHED_RUNS },
    );
  });

  it('[C35] a restarted agent writes the difference only', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, async (state) => {
        const first = createServiceDataplane(tables);
        await first.sync(state.rows, state.ownAddresses);
        await first.collect();
        const again = createServiceDataplane(tables);
        const silent = async () => {
          const report = await again.sync(state.rows, state.ownAddresses);
          expect(report).toEqual({ written: 0, unprogrammed: [], unprogrammedAddresses: [] });
          expect(await again.apply({})).toEqual(report);
          await again.collect();
        };
        expect(await writtenDuring(silent)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('[C24] nothing is left of what came and went, but the highest numbers', async () => {
    const state = fc.sample(anyState, { seed: 7, numRuns: 1 })[0] ?? NOTHING;
    const dataplane = createServiceDataplane(tables);
    await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
    for (let round = 0; round < 100; round++) {
      await dataplane.apply(changeOf(NOTHING, state));
      await dataplane.collect();
      await dataplane.apply(changeOf(state, NOTHING));
      await dataplane.collect();
    }
    const none = Object.fromEntries(TABLE_NAMES.map((name) => [name, 0]));
    expect(await sizes()).toEqual({ ...none, names: 1, backends: 1 });
    const [[, last] = never()] = await tables.backends.entries();
    expect(last.lists).toBe(0);
    const count = (entries: number) => expect.objectContaining({ entries });
    expect(dataplane.figures()).toMatchObject({ frontends: count(0), slots: count(0), services: count(1) });
  });
});

function never(): never {
  throw new Error('there is an entry');
}
