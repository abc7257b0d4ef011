import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createServiceDataplane } from '../../../../src/dataplane/bpf/services/dataplane.ts';
import { readBackendStates } from '../../../../src/dataplane/bpf/services/states.ts';
import type { BackendState as Noted } from '../../../../src/generated/policy.ts';
import type { ServiceId, ServiceRows } from '../../../../src/model/rows.ts';
import { backend, rowsOf, serviceRows } from '../../../agent/rows-samples.ts';
import { loadServiceMaps, type ServiceMaps } from './service-maps.ts';

const SECOND = 1e9;
const WEB = serviceRows('shop/web', { cluster: [backend('10.244.1.2'), backend('10.244.1.3')] });
/** The kernel's clock at 100 s. */
const NOW = { monotonicMs: 100_000, wallMs: 1_700_000_000_000 };

let maps: ServiceMaps;

beforeAll(async () => {
  maps = await loadServiceMaps();
});
afterAll(() => maps.close());
beforeEach(async () => {
  await maps.empty();
  const noted = await maps.tables.backendStates.entries();
  await maps.tables.backendStates.delete(noted.map(([number]) => number));
});

/** Installs the Services, with what programs would have noted of their first backend. */
async function install(services: readonly ServiceRows[], noted: Partial<Noted> | null) {
  const dataplane = createServiceDataplane(maps.tables);
  await dataplane.sync(rowsOf(...services), []);
  const [first] = (await maps.tables.backends.entries())
    .filter(([, { lists }]) => lists !== 0)
    .sort(([a], [b]) => a - b);
  if (first === undefined) throw new Error('no backend was written');
  const [number, { address, service, port }] = first;
  const nothing = { open: 0, connections: 0, failuresTotal: 0, lastFailure: 0, ejectedUntil: 0, probed: 0 };
  const value = { ...nothing, failures: 0, ejections: 0, address, service, port, ...noted };
  if (noted !== null) await maps.tables.backendStates.set([[number, value]]);
  return { dataplane, number };
}

describe('states of backends', () => {
  it('[F3] tell what programs noted under the names of rows, and times as people have them', async () => {
    const { number } = await install([WEB], {
      open: 2,
      connections: 9,
      failuresTotal: 5,
      failures: 3,
      ejectedUntil: 110 * SECOND,
    });
    const row = (await maps.tables.backends.get(number))?.service ?? 0;
    const standing = { number: row, generation: 1, backends: [number], content: WEB };
    expect(await readBackendStates(maps.tables, new Map([[WEB.id, standing]]), NOW)).toEqual([
      {
        service: WEB.id,
        address: '10.244.1.2',
        port: 8080,
        open: 2,
        connections: 9,
        failures: 5,
        failuresInARow: 3,
        ejectedUntilMs: NOW.wallMs + 10_000,
        slowStartUntilMs: null,
      },
    ]);
  });

  it('are those of the rows that stand, and of backends that went with open connections', async () => {
    const { dataplane } = await install([WEB], { open: 1 });
    const addresses = async () => (await dataplane.states()).map(({ address }) => address);
    expect(await addresses()).toEqual(['10.244.1.2']);
    await dataplane.sync(rowsOf({ ...WEB, cluster: [backend('10.244.1.3')] }), []);
    expect(await addresses()).toEqual(['10.244.1.2']);
  });

  it('are none of backends that went and have no connection, nor of Services that went', async () => {
    const { dataplane } = await install([WEB], { connections: 1 });
    expect(await dataplane.states()).toHaveLength(1);
    await dataplane.sync(rowsOf({ ...WEB, cluster: [backend('10.244.1.3')] }), []);
    expect(await dataplane.states()).toEqual([]);
    const { dataplane: other } = await install([{ ...WEB, id: 'shop/api' as ServiceId }], { open: 1 });
    await other.sync(rowsOf(), []);
    expect(await other.states()).toEqual([]);
  });

  it('are none before the rows are in', async () => {
    expect(await createServiceDataplane(maps.tables).states()).toEqual([]);
  });

  it('[F8] tell until when a backend has less than its share, also if nobody connected to it', async () => {
    const slow = { ...WEB, balancing: { ...WEB.balancing, slowStartSeconds: 30 } };
    const { number } = await install([slow], null);
    const written = await maps.tables.backends.get(number);
    if (written === undefined) throw new Error('no backend was written');
    const standing = { number: written.service, generation: 1, backends: [number], content: slow };
    const read = () => readBackendStates(maps.tables, new Map([[slow.id, standing]]), NOW);
    await maps.tables.backends.set([[number, { ...written, since: 90 }]]);
    expect(await read()).toMatchObject([{ address: '10.244.1.2', slowStartUntilMs: NOW.wallMs + 20_000 }]);
    for (const since of [0, 70]) {
      await maps.tables.backends.set([[number, { ...written, since }]]);
      expect(await read()).toEqual([]);
    }
  });
});
