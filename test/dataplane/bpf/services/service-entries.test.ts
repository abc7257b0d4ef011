import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { unmappedAddress, unmappedPrefix } from '../../../../src/dataplane/bpf/mapped-address.ts';
import { createServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import type { Address, Prefix } from '../../../../src/model/address.ts';
import { installedAnswers, wantedAnswers } from './service-answers.ts';
import { loadServiceMaps, type ServiceMaps, sizes, TABLE_NAMES, writtenDuring } from './service-maps.ts';
import { anyState, changeOf, NOTHING, type State, serving } from './service-walk.ts';

const RUNS = 20;

let maps: ServiceMaps;

beforeAll(async () => {
  maps = await loadServiceMaps();
});
afterAll(() => maps.close());
beforeEach(() => maps.empty());

describe('entries of Services in BPF maps', () => {
  it('[C24] nothing is left of what came and went, but the highest numbers', async () => {
    const states = [...fc.sample(anyState, { seed: 7, numRuns: 3 }), NOTHING];
    const dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync(NOTHING.rows, NOTHING.ownAddresses);
    for (let round = 0; round < 100; round++) {
      for (const [index, state] of states.entries()) {
        await dataplane.apply(changeOf(states[index - 1] ?? NOTHING, state));
        await dataplane.collect();
      }
    }
    const none = Object.fromEntries(TABLE_NAMES.map((name) => [name, 0]));
    expect(await sizes(maps.tables)).toEqual({ ...none, names: 1, backends: 1 });
    const [[, last] = never()] = await maps.tables.backends.entries();
    expect(last.lists).toBe(0);
    const count = (entries: number) => expect.objectContaining({ entries });
    expect(dataplane.figures()).toMatchObject({ frontends: count(0), slots: count(0), services: count(1) });
  });

  it('[C35] a number is not given again, also where its Service went and the agent restarted', async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 4; round++) {
      const dataplane = createServiceDataplane(maps.tables);
      await dataplane.sync(serving(['a']).rows, []);
      const services = (await maps.tables.services.entries()).map(([number]) => `service ${number}`);
      const backends = (await maps.tables.backends.entries())
        .filter(([, { lists }]) => lists !== 0)
        .map(([number]) => `backend ${number}`);
      for (const number of [...services, ...backends]) {
        expect(seen).not.toContain(number);
        seen.add(number);
      }
      await dataplane.sync(NOTHING.rows, []);
      await dataplane.collect();
    }
  });

  it('[A39] a Service keeps its number and its backends theirs whatever else changes, so clients keep theirs', async () => {
    const dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync(serving(['a'], 3).rows, []);
    const [service] = (await maps.tables.services.entries()).map(([number]) => number);
    const before = new Map(await maps.tables.backends.entries());
    await dataplane.apply(changeOf(serving(['a'], 3), serving(['a', 'b'], 2)));
    await createServiceDataplane(maps.tables).sync(serving(['a', 'b'], 2).rows, []);
    const own = (await maps.tables.backends.entries()).filter(([, { service: owner }]) => owner === service);
    expect(own.filter(([, { lists }]) => lists !== 0)).toHaveLength(2);
    // The third left its list at once: sockets and flows look there whether theirs is still served.
    expect(own.filter(([, { lists }]) => lists === 0)).toHaveLength(1);
    for (const [number, { address }] of own) expect(before.get(number)?.address).toEqual(address);
  });

  it('[F8] a backend that joins others of a Service with slow start says since when; others say nothing', async () => {
    const slow = (backends: number, seconds = 30): State => {
      const { rows, ...rest } = serving(['a'], backends);
      const services = new Map(
        [...rows.services].map(([id, row]) => [
          id,
          { ...row, balancing: { ...row.balancing, slowStartSeconds: seconds } },
        ]),
      );
      return { ...rest, rows: { ...rows, services } };
    };
    const since = async () => {
      const entries = await maps.tables.backends.entries();
      return entries.filter(([, { lists }]) => lists !== 0).map(([, backend]) => backend.since);
    };
    let dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync(slow(2).rows, []);
    expect(await since()).toEqual([0, 0]);
    await dataplane.apply(changeOf(slow(2), slow(3)));
    const joined = Math.max(...(await since()));
    expect([...(await since())].sort()).toEqual([0, 0, joined].sort());
    expect(Math.abs(joined - Number(process.hrtime.bigint() / 1_000_000_000n))).toBeLessThan(30);
    // A restarted agent, another weight or another list leaves it as it is.
    dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync(slow(3, 60).rows, []);
    expect([...(await since())].sort()).toEqual([0, 0, joined].sort());
    await dataplane.apply(changeOf(slow(3, 60), slow(3, 0)));
    await dataplane.apply(changeOf(slow(3, 0), slow(4, 0)));
    expect([...(await since())].sort()).toEqual([0, 0, 0, joined].sort());
  });

  it('[A36, C24] affinity to a Service that went is forgotten', async () => {
    const dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync(serving(['a', 'b']).rows, []);
    const numbers = (await maps.tables.services.entries()).map(([number]) => number);
    const client = new Uint8Array(16);
    await maps.tables.affinities.set(
      numbers.map(
        (service) =>
          [
            { client, service },
            { lastUsed: 1, backend: 1 },
          ] as const,
      ),
    );
    await dataplane.apply(changeOf(serving(['a', 'b']), serving(['b'])));
    await dataplane.collect();
    const left = new Set((await maps.tables.services.entries()).map(([number]) => number));
    expect((await maps.tables.affinities.entries()).map(([{ service }]) => service)).toEqual([...left]);
  });

  it('[A25, A68] addresses of nodes and Services say what they are', async () => {
    const state = serving(['a']);
    const node = {
      ...state.rows.node,
      nodePortAddresses: ['172.31.0.2/32' as Prefix],
      otherNodeAddresses: ['172.31.0.3', '10.0.0.5'] as Address[],
      nodeAddresses: ['172.31.0.2', '10.0.0.5', 'fd31::9'] as Address[],
      serviceCidrs: ['10.96.0.0/16', 'fd00:96::/112'] as Prefix[],
    };
    const dataplane = createServiceDataplane(maps.tables);
    await dataplane.sync({ ...state.rows, node }, ['172.31.0.2'] as Address[]);
    await dataplane.apply({ ownAddresses: ['172.31.0.2', '10.0.0.5'] as Address[] });
    const nodes = (await maps.tables.nodeAddresses.entries()).map(
      ([address, value]) => [unmappedAddress(address), value] as const,
    );
    expect(new Map(nodes)).toEqual(
      new Map([
        ['172.31.0.2', { kind: 'served' }],
        ['10.0.0.5', { kind: 'own' }],
        ['172.31.0.3', { kind: 'other' }],
      ]),
    );
    const echoes = (await maps.tables.echoAddresses.entries()).map((pair) => pair.map(unmappedAddress));
    expect(echoes.sort()).toEqual([
      ['0.0.0.0', '172.31.0.2'],
      ['::', 'fd31::9'],
    ]);
    expect((await maps.tables.prefixes.entries()).map(([key]) => unmappedPrefix(key)).sort()).toEqual(
      [...node.serviceCidrs].sort(),
    );
    expect((await maps.tables.addresses.entries()).map(([, value]) => value)).toEqual([
      { kind: 'cluster-ip', pingable: 1 },
    ]);
  });

  it('[H19] what another process deleted, added or changed is repaired', async () => {
    await fc.assert(
      fc.asyncProperty(anyState, fc.infiniteStream(fc.nat()), async (state, choices) => {
        const pick = <Value>(values: readonly Value[]) =>
          values[(choices.next().value ?? 0) % Math.max(1, values.length)];
        const dataplane = createServiceDataplane(maps.tables);
        await dataplane.sync(state.rows, state.ownAddresses);
        const slot = pick(await maps.tables.slots.entries());
        if (slot !== undefined) await maps.tables.slots.delete([slot[0]]);
        const backend = pick(await maps.tables.backends.entries());
        if (backend !== undefined) {
          const changed = (choices.next().value ?? 0) % 2 === 0 ? { port: 1 } : { weight: 77 };
          await maps.tables.backends.set([[backend[0], { ...backend[1], ...changed }]]);
        }
        const frontend = pick(await maps.tables.frontends.entries());
        if (frontend !== undefined) {
          await maps.tables.frontends.set([
            [frontend[0], { ...frontend[1], service: 99 }],
            [{ ...frontend[0], port: 443, protocol: 17 }, frontend[1]],
          ]);
        }
        const service = pick(await maps.tables.services.entries());
        if (service !== undefined)
          await maps.tables.services.set([[service[0], { ...service[1], slots: [9, 9] }]]);
        await maps.tables.addresses.delete(
          (await maps.tables.addresses.entries()).map(([address]) => address),
        );
        await maps.tables.nodeAddresses.set([[new Uint8Array(16), { kind: 'own' }]]);
        await dataplane.repair();
        await dataplane.collect();
        expect(await installedAnswers(maps.tables)).toEqual(wantedAnswers(state, state));
        expect(await writtenDuring(maps.tables, () => dataplane.repair())).toEqual([]);
      }),
      { numRuns: RUNS },
    );
  });
});

function never(): never {
  throw new Error('there is an entry');
}
