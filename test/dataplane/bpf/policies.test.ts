import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicyDataplane } from '../../../src/dataplane/bpf/policies/dataplane.ts';
import { openPolicyTables, type PolicyTables } from '../../../src/dataplane/bpf/policies/tables.ts';
import { LAYOUT, type Subject } from '../../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../src/kernel/bpf-object.ts';
import { interfaceOf, PEERS, POD, POD_ADDRESSES } from '../../packet/pod.ts';
import { OBJECT, POD_INTERFACE } from '../../packet/policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from '../../packet/policy-rows.ts';
import {
  anyState,
  changeOf,
  installedPeers,
  installedSubjects,
  NOTHING,
  type State,
  stateOfSettledPods,
  wantedPeers,
  wantedSubjects,
} from './policy-walk.ts';
import { watchWrites } from './watched-tables.ts';

const RUNS = 20;
/** Of the test that looks at every table after every write. */
const WATCHED_RUNS = 5;

let object: BpfObject;
let tables: PolicyTables;

beforeAll(async () => {
  object = await loadBpfObject(OBJECT, LAYOUT, { maxEntries: { port_verdicts: 300 } });
  tables = openPolicyTables(object.maps);
});
afterAll(() => object.close());

type Dataplane = ReturnType<typeof createPolicyDataplane>;

async function expectInstalled(dataplane: Dataplane, state: State): Promise<void> {
  expect(await installedPeers(tables, dataplane)).toEqual(wantedPeers(state));
  expect(await installedSubjects(tables, dataplane)).toEqual(wantedSubjects(state));
}

async function sizes(): Promise<readonly number[]> {
  const { peers, subjects, groups, ports, usages } = tables;
  const lists: readonly (readonly unknown[])[] = await Promise.all([
    peers.entries(),
    subjects.entries(),
    groups.entries(),
    ports.entries(),
    usages.entries(),
  ]);
  return lists.map(({ length }) => length);
}

/** The tables, but every entry is written or deleted on its own, and `wrote` is called after each. */
function observed(all: PolicyTables, wrote: () => Promise<void>): PolicyTables {
  const watch = watchWrites(wrote);
  return {
    ...all,
    subjects: watch(all.subjects),
    peers: watch(all.peers),
    groups: watch(all.groups),
    ports: watch(all.ports),
    revision: watch(all.revision),
  };
}

function sameMap(a: ReadonlyMap<unknown, unknown>, b: ReadonlyMap<unknown, unknown>): boolean {
  return isDeepStrictEqual([...a], [...b]);
}

/** An interface that comes is closed before it is known, one that goes is closed until it is. */
function withoutClosed<Subject extends { readonly state: string }>(subjects: ReadonlyMap<number, Subject>) {
  return new Map([...subjects].filter(([, { state }]) => state !== 'closed'));
}

function never(): never {
  throw new Error('the pod has an interface');
}

/** Records what is written while `work` runs. */
async function writtenDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const before = await contents();
  await work();
  const after = await contents();
  return [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => before.get(key) !== after.get(key),
  );
}

async function contents(): Promise<ReadonlyMap<string, string>> {
  const all = new Map<string, string>();
  for (const name of ['peers', 'subjects', 'groups', 'ports', 'names', 'usages', 'revision'] as const) {
    const entries: readonly (readonly [unknown, unknown])[] = await tables[name].entries();
    for (const [key, value] of entries) all.set(`${name} ${JSON.stringify(key)}`, JSON.stringify(value));
  }
  return all;
}

describe('policy rows in BPF maps', () => {
  it('[C24, I16] are in the maps after every step of a walk, whichever way it went', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(anyState, fc.boolean(), fc.boolean()), { maxLength: 6 }),
        async (steps) => {
          let dataplane = createPolicyDataplane(tables);
          await dataplane.sync(NOTHING.rows, NOTHING.interfaces);
          let before = NOTHING;
          for (const [state, restarts, collects] of steps) {
            if (restarts) dataplane = createPolicyDataplane(tables);
            if (restarts) await dataplane.sync(state.rows, state.interfaces);
            else await dataplane.apply(changeOf(before, state));
            if (collects) await dataplane.collect();
            await dataplane.collect();
            await expectInstalled(dataplane, state);
            before = state;
          }
          await dataplane.apply(changeOf(before, NOTHING));
          await dataplane.collect();
          expect(await sizes()).toEqual([0, 0, 0, 0, 0]);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('[H8] change at once: every write but the last leaves all of the old rows, or nothing but the new ones', async () => {
    await fc.assert(
      fc.asyncProperty(
        stateOfSettledPods,
        stateOfSettledPods,
        stateOfSettledPods,
        async (first, second, third) => {
          let [before, after] = [NOTHING, first];
          const dataplane = createPolicyDataplane(
            observed(tables, async () => {
              const [peers, subjects] = [
                await installedPeers(tables, dataplane),
                await installedSubjects(tables, dataplane),
              ];
              const is = (state: State) =>
                sameMap(peers, wantedPeers(state)) &&
                sameMap(withoutClosed(subjects), withoutClosed(wantedSubjects(state)));
              expect([is(before), is(after)]).toContain(true);
            }),
          );
          await createPolicyDataplane(tables).sync(NOTHING.rows, NOTHING.interfaces);
          await dataplane.sync(first.rows, first.interfaces);
          [before, after] = [first, second];
          await dataplane.apply(changeOf(first, second));
          [before, after] = [second, third];
          await dataplane.apply(changeOf(second, third));
          await dataplane.collect();
          await expectInstalled(dataplane, third);
        },
      ),
      { numRuns: WATCHED_RUNS },
    );
  });

  it('[C18] pods that stay in a class are judged by its new rows, and of others nothing is written', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, anyState, async (first, { rows }) => {
        const after = { ...first, rows: { ...first.rows, classes: rows.classes } };
        const dataplane = createPolicyDataplane(tables);
        await dataplane.sync(first.rows, first.interfaces);
        await dataplane.collect();
        const written = await writtenDuring(() => dataplane.apply(changeOf(first, after)));
        await expectInstalled(dataplane, after);
        const members = [...first.interfaces.values()].filter(({ pod }) => first.rows.subjects.has(pod));
        const indexes = members.map(({ interfaceIndex }) => `subjects ${interfaceIndex}`);
        expect(written.filter((entry) => entry.startsWith('subjects') && !indexes.includes(entry))).toEqual(
          [],
        );
      }),
      { numRuns: RUNS },
    );
  });

  it('[C35] a restarted agent writes the difference only, and every number goes on meaning the same', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, async (state) => {
        const first = createPolicyDataplane(tables);
        await first.sync(state.rows, state.interfaces);
        await first.collect();
        const again = createPolicyDataplane(tables);
        expect(await writtenDuring(() => again.sync(state.rows, state.interfaces))).toEqual([]);
        expect(await writtenDuring(() => again.apply({}))).toEqual([]);
        const more = {
          ...state,
          interfaces: new Map([...state.interfaces, [POD, interfaceOf().get(POD) ?? never()]]),
        };
        const written = await writtenDuring(() =>
          createPolicyDataplane(tables).sync(more.rows, more.interfaces),
        );
        expect(written.toSorted()).toEqual(['revision 0', 'subjects 1', 'usages 1']);
      }),
      { numRuns: RUNS },
    );
  });

  it('[C24] a number is not given again, also when its content went and the agent restarted', async () => {
    const rows = (rule: string) =>
      rowsOf(
        POD,
        POD_ADDRESSES,
        PEERS,
        deniedBut({ direction: 'ingress', verdict: 'allow', port: 7, protocol: 'TCP', rule }),
      );
    const seen = new Set<number>();
    for (let round = 0; round < 5; round++) {
      const dataplane = createPolicyDataplane(tables);
      await dataplane.sync(rows(`round ${round}`), interfaceOf());
      const numbers = (await tables.ports.entries()).map(([, { rule }]) => rule);
      const fresh = numbers.filter((number) => dataplane.contentOf('rule', number) === `round ${round}`);
      expect(fresh).toHaveLength(1);
      for (const number of fresh) {
        expect(seen).not.toContain(number);
        seen.add(number);
      }
      await dataplane.sync(NOTHING.rows, NOTHING.interfaces);
      await dataplane.collect();
      const rules = (await tables.names.entries()).filter(([key]) => key.kind === 'rule');
      expect(rules).toHaveLength(1);
    }
  });

  it('[C35] a change that fails leaves the old rows, and the next one brings the new', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyState,
        anyState,
        fc.integer({ min: 1, max: 20 }),
        async (first, second, lastWrite) => {
          let left = Number.POSITIVE_INFINITY;
          const dataplane = createPolicyDataplane(
            observed(tables, async () => {
              if (--left === 0) throw Object.assign(new Error('the kernel refuses'), { code: 'EPERM' });
            }),
          );
          await dataplane.sync(first.rows, first.interfaces);
          left = lastWrite;
          const change = changeOf(first, second);
          await dataplane
            .apply(change)
            .catch((error: unknown) => expect(error).toMatchObject({ code: 'EPERM' }));
          left = Number.POSITIVE_INFINITY;
          await dataplane.apply({});
          await dataplane.collect();
          await expectInstalled(dataplane, second);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('[H7, H14] a class that finds no room closes its own pods, says so, and is tried again', async () => {
    const dataplane = createPolicyDataplane(tables);
    const rows = (ports: number) =>
      rowsOf(
        POD,
        POD_ADDRESSES,
        PEERS,
        deniedBut(
          ...Array.from(
            { length: ports },
            (_, index): VerdictWords => ({
              direction: 'ingress',
              protocol: 'TCP',
              port: index + 1,
              verdict: 'allow',
            }),
          ),
        ),
      );
    const state = async () => (await installedSubjects(tables, dataplane)).get(POD_INTERFACE)?.state;
    await dataplane.sync(NOTHING.rows, NOTHING.interfaces);
    await dataplane.collect();
    await dataplane.sync(rows(100), interfaceOf());
    expect(await state()).toBe('judged');
    await expect(dataplane.sync(rows(400), interfaceOf())).resolves.toMatchObject({
      unprogrammed: ['class'],
    });
    expect(await state()).toBe('closed');
    // Only where what the rows before needed is collected first.
    await expect(dataplane.sync(rows(250), interfaceOf())).resolves.toMatchObject({ unprogrammed: [] });
    expect(await state()).toBe('judged');
  });

  it('[H19] a pod that is judged in another way than it should be is noticed, whatever of it differs', async () => {
    const dataplane = createPolicyDataplane(tables);
    await dataplane.sync(
      rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut({ direction: 'ingress', verdict: 'allow' })),
      interfaceOf(),
    );
    const spoilers: readonly ((subject: Subject) => Partial<Subject>)[] = [
      ({ ipv6 }) => ({ ipv4: ipv6 }),
      ({ ipv4 }) => ({ ipv6: ipv4 }),
      ({ policyClass: [one, other] }) => ({ policyClass: [one + 1, other + 1] }),
      () => ({ state: ['open', 'open'] }),
    ];
    for (const spoil of spoilers) {
      await dataplane.collect();
      const subject = (await tables.subjects.get(POD_INTERFACE)) ?? never();
      expect(await dataplane.isDisturbed()).toBe(false);
      await tables.subjects.set([[POD_INTERFACE, { ...subject, ...spoil(subject) }]]);
      expect(await dataplane.isDisturbed()).toBe(true);
      await dataplane.repair();
    }
  });

  it('[H19] what another process deleted or added is repaired', async () => {
    const dataplane = createPolicyDataplane(tables);
    const rows = rowsOf(
      POD,
      POD_ADDRESSES,
      PEERS,
      deniedBut({ direction: 'ingress', peer: 'friend', verdict: 'allow' }),
    );
    const state = { rows, interfaces: interfaceOf() };
    await dataplane.sync(NOTHING.rows, NOTHING.interfaces);
    await dataplane.sync(state.rows, state.interfaces);
    const [[key, group] = never()] = await tables.groups.entries();
    await tables.groups.delete([key]);
    await tables.groups.set([[{ ...key, peerClass: 99 }, group]]);
    await tables.ports.set([[{ ...key, port: 99, protocol: 6, bits: 16 }, group.everything]]);
    const [[peer] = never()] = await tables.peers.entries();
    await tables.peers.delete([peer]);
    await tables.subjects.delete([POD_INTERFACE]);
    await dataplane.repair();
    await dataplane.collect();
    await expectInstalled(dataplane, state);
  });
});
