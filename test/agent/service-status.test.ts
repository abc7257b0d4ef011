import { describe, expect, it } from 'vitest';
import { type ServiceStatusParts, serviceStatuses } from '../../src/agent/service-status.ts';
import type { Address } from '../../src/model/address.ts';
import type { ServiceId } from '../../src/model/rows.ts';
import { backendState } from './backend-states.ts';
import { backend, serviceRows } from './rows-samples.ts';

const WEB = serviceRows('shop/web', {
  cluster: [backend('10.244.1.2'), { ...backend('10.244.2.2'), weight: 5 }],
  local: [backend('10.244.1.2'), backend('10.244.1.9')],
});
const NOTHING = {
  open: 0,
  connections: 0,
  connectionsPerSecond: 0,
  failures: 0,
  failuresInARow: 0,
  ejectedUntil: null,
  slowStartUntil: null,
};

async function statuses(parts: Partial<ServiceStatusParts>) {
  const serving = { sockets: true, packets: true };
  const all = serviceStatuses({ services: [WEB], states: [], serving, ...parts });
  return Array.fromAsync(all);
}

describe('the status of a Service port', () => {
  it('has its rows, and each backend once with the lists it is in', async () => {
    const [status] = await statuses({});
    expect(status).toMatchObject(WEB);
    expect(status?.backends.map(({ address, lists, weight }) => [address, lists, weight])).toEqual([
      ['10.244.1.2', ['cluster', 'local'], 1],
      ['10.244.2.2', ['cluster'], 5],
      ['10.244.1.9', ['local'], 1],
    ]);
    expect(status?.backends[0]?.counts).toEqual(NOTHING);
  });

  it('[F3] has what is known of its backends, and of no other Service’s', async () => {
    const state = {
      ...backendState('10.244.2.2', {
        open: 3,
        connections: 40,
        failures: 5,
        failuresInARow: 3,
        ejectedUntilMs: 1_700_000_010_000,
      }),
      connectionsPerSecond: 1.5,
    };
    const stranger = {
      ...state,
      service: 'shop/api:/TCP/IPv4' as ServiceId,
      address: '10.244.1.2' as Address,
    };
    const [status] = await statuses({ states: [state, stranger] });
    expect(status?.backends.map(({ counts }) => counts)).toEqual([
      NOTHING,
      {
        open: 3,
        connections: 40,
        connectionsPerSecond: 1.5,
        failures: 5,
        failuresInARow: 3,
        ejectedUntil: '2023-11-14T22:13:30.000Z',
        slowStartUntil: null,
      },
      NOTHING,
    ]);
  });

  it('[E14] has backends that went as long as connections to them are open', async () => {
    const rate = { connectionsPerSecond: 0 };
    const states = [
      { ...backendState('10.244.3.3', { open: 1 }), ...rate },
      { ...backendState('10.244.3.4', { connections: 7 }), ...rate },
    ];
    const [status] = await statuses({ states });
    expect(status?.backends.slice(3)).toEqual([
      {
        address: '10.244.3.3',
        port: 8080,
        pod: null,
        nodeLocal: false,
        lists: [],
        weight: null,
        counts: { ...NOTHING, open: 1 },
      },
    ]);
  });

  it('counts nothing where nobody does', async () => {
    const [status] = await statuses({ states: null });
    expect(status?.backends.map(({ counts }) => counts)).toEqual([null, null, null]);
  });

  it('of ten thousand Services leaves the event loop to others in between', async () => {
    const many = Array.from({ length: 10_000 }, (_, index) =>
      serviceRows(`shop/s${index}`, { id: `shop/s${index}` as ServiceId }),
    );
    const states = many.map(({ id }) => ({
      ...backendState('10.244.1.2', { service: id, open: 1 }),
      connectionsPerSecond: 0,
    }));
    let turns = 0;
    let done = false;
    const turn = (): void => {
      turns += 1;
      if (!done) setImmediate(turn);
    };
    setImmediate(turn);
    const answered = await statuses({ services: many, states });
    done = true;
    expect(answered.every(({ backends }) => backends[0]?.counts?.open === 1)).toBe(true);
    expect(turns).toBeGreaterThan(10_000 / 64);
  });
});
