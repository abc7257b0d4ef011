import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import { type Answers, installedAnswers, wantedAnswers } from './service-answers.ts';
import { loadServiceMaps, observed, type ServiceMaps, SMALL, writtenDuring } from './service-maps.ts';
import { anyState, changeOf, merged, NOTHING, type State, serving } from './service-walk.ts';

const RUNS = 20;
/** Of the test that looks at every table after every write. */
const WATCHED_RUNS = 10;

let maps: ServiceMaps;

beforeAll(async () => {
  maps = await loadServiceMaps();
});
afterAll(() => maps.close());
beforeEach(() => maps.empty());

async function expectInstalled(state: State): Promise<void> {
  expect(await installedAnswers(maps.tables)).toEqual(wantedAnswers(state, state));
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

describe('rows of Services in BPF maps', () => {
  it('[I16] answer as the rows say after every step of a walk, whichever way it went', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyState, fc.boolean(), fc.boolean()), { maxLength: 6 }),
        async (steps) => {
          let dataplane = createServiceDataplane(maps.tables);
          await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
          let before = NOTHING;
          for (const [state, restarts, collects] of steps) {
            if (restarts) dataplane = createServiceDataplane(maps.tables);
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
          observed(maps.tables, async () => {
            expect(strangeAnswers(await installedAnswers(maps.tables), expected)).toEqual([]);
          }),
        );
        await createServiceDataplane(maps.tables).sync(NOTHING.rows, NOTHING.ownAddresses);
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
        const first = createServiceDataplane(maps.tables);
        await first.sync(state.rows, state.ownAddresses);
        await first.collect();
        const again = createServiceDataplane(maps.tables);
        const silent = async () => {
          const report = await again.sync(state.rows, state.ownAddresses);
          expect(report).toEqual({ written: 0, unprogrammed: [], unprogrammedAddresses: [], left: [] });
          expect(await again.apply({})).toEqual(report);
          await again.collect();
        };
        expect(await writtenDuring(maps.tables, silent)).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });

  it('[C35] a change that fails leaves each Service as it was or as it is to be, and the next one brings it', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyState,
        anyState,
        fc.integer({ min: 1, max: 60 }),
        async (first, second, lastWrite) => {
          let left = Number.POSITIVE_INFINITY;
          const dataplane = createServiceDataplane(
            observed(maps.tables, async () => {
              if (--left === 0) throw Object.assign(new Error('the kernel refuses'), { code: 'EPERM' });
            }),
          );
          await dataplane.sync(first.rows, first.ownAddresses);
          left = lastWrite;
          await dataplane
            .apply(changeOf(first, second))
            .catch((error: unknown) => expect(error).toMatchObject({ code: 'EPERM' }));
          left = Number.POSITIVE_INFINITY;
          const expected = [first, second].flatMap((services) =>
            [first, second].map((node) => wantedAnswers(services, node)),
          );
          expect(strangeAnswers(await installedAnswers(maps.tables), expected)).toEqual([]);
          await dataplane.apply({});
          await dataplane.collect();
          await expectInstalled(second);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('[H7, H14] a Service that finds no room stays as it was, others go on, and it is tried again', async () => {
    const dataplane = createServiceDataplane(maps.tables);
    const most = SMALL.backends - 10;
    const small = serving(['a', 'b'], 2);
    const large = { ...serving(['a'], 2), rows: merged(serving(['a'], 2).rows, serving(['b'], most).rows) };
    const three = { ...large, rows: merged(large.rows, serving(['c'], 20).rows) };
    await dataplane.sync(small.rows, []);
    await expect(dataplane.apply(changeOf(small, large))).resolves.toMatchObject({ unprogrammed: [] });
    await expect(dataplane.apply(changeOf(large, three))).resolves.toMatchObject({
      unprogrammed: ['n/c:p/TCP/IPv4'],
    });
    expect(await installedAnswers(maps.tables)).toEqual(wantedAnswers(large, large));
    // A larger version of what is there finds no room either.
    const grown = { ...large, rows: merged(three.rows, serving(['b'], SMALL.backends).rows) };
    await expect(dataplane.apply(changeOf(three, grown))).resolves.toMatchObject({
      unprogrammed: ['n/b:p/TCP/IPv4', 'n/c:p/TCP/IPv4'],
    });
    expect(await installedAnswers(maps.tables)).toEqual(wantedAnswers(large, large));
    const after = { ...three, rows: merged(three.rows, serving(['b'], 2).rows) };
    await expect(dataplane.apply(changeOf(grown, after))).resolves.toMatchObject({ unprogrammed: [] });
    await expectInstalled(after);
  });
});
