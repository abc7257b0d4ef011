import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEjectionWatch, type EjectionWatch } from '../../src/agent/ejection-watch.ts';
import type { Notice } from '../../src/agent/problem-event.ts';
import type { BackendState } from '../../src/dataplane/backend-state.ts';
import type { ObjectName } from '../../src/model/names.ts';
import type { ServiceRows } from '../../src/model/rows.ts';
import { backendState } from './backend-states.ts';
import { createManualClock } from './manual-clock.ts';
import { backend, serviceRows } from './rows-samples.ts';

const LOOK_MS = 2000;
const ADDRESS = '10.244.1.2';

let clock: ReturnType<typeof createManualClock>;
let watch: EjectionWatch;
/** What the kernel says, and what became of asking it. */
let kernel: { changes: number; states: readonly BackendState[]; reads: number; error: Error | null };
let services: readonly ServiceRows[];
let lines: string[];
let reported: Notice[];
let withdrawn: Notice[];

beforeEach(() => {
  clock = createManualClock();
  kernel = { changes: 0, states: [], reads: 0, error: null };
  services = [
    serviceRows('shop/web', { cluster: [{ ...backend(ADDRESS), pod: 'shop/web-1' as ObjectName }] }),
  ];
  lines = [];
  reported = [];
  withdrawn = [];
  const write = (...parts: readonly unknown[]) => void lines.push(String(parts.at(-1)));
  watch = createEjectionWatch({
    changes: async () => {
      if (kernel.error !== null) throw kernel.error;
      return kernel.changes;
    },
    states: async () => {
      kernel.reads += 1;
      return kernel.states;
    },
    serviceOf: (id) => services.find((service) => service.id === id),
    clock,
    log: { info: write, warn: write } as never,
    events: {
      report: (notice) => void reported.push(notice),
      withdraw: (notice) => void withdrawn.push(notice),
    },
  });
  watch.begin();
});
afterEach(() => watch.stop());

async function look(): Promise<void> {
  await clock.advance(LOOK_MS);
}

/** Has ejected backends answer. */
async function answer(): Promise<void> {
  kernel.changes += kernel.states.length;
  kernel.states = kernel.states.map((state) => ({ ...state, failuresInARow: 0, ejectedUntilMs: null }));
  await look();
}

/** Has the kernel eject backends, for ten seconds from now. */
async function eject(...addresses: readonly string[]): Promise<void> {
  kernel.changes += addresses.length;
  kernel.states = addresses.map((address) =>
    backendState(address, { failures: 3, failuresInARow: 3, ejectedUntilMs: clock.wallMs() + 10_000 }),
  );
  await look();
}

describe('[F3] an ejected backend', () => {
  it('is told once: in the log with the time it lasts, as an Event of its Service', async () => {
    await eject(ADDRESS);
    await look();
    expect(lines).toEqual([
      'ejected: 10.244.1.2:8080 (pod shop/web-1) of shop/web:http: 3 connections in a row failed, new ones avoid it for 8 s',
    ]);
    expect(reported).toHaveLength(1);
    expect(reported[0]).toMatchObject({
      severity: 'warning',
      object: { kind: 'Service', namespace: 'shop', name: 'web' },
      reason: 'BackendEjected',
      message:
        'connections to the endpoint 10.244.1.2:8080 (pod shop/web-1) fail: new ones avoid it for a while',
    });
    expect(watch.ejected()).toBe(1);
  });

  it('is told of when it is back, and its Event is taken back if nobody has it yet', async () => {
    await eject(ADDRESS);
    await answer();
    expect(lines[1]).toBe('10.244.1.2:8080 (pod shop/web-1) of shop/web:http answers again');
    expect(reported[1]).toMatchObject({ severity: 'information', reason: 'BackendReturned' });
    expect(withdrawn.at(-1)).toEqual(reported[0]);
    expect(watch.ejected()).toBe(0);
  });

  it('did not come back when it is no backend any more', async () => {
    await eject(ADDRESS);
    services = [serviceRows('shop/web', { cluster: [] })];
    expect(watch.ejected()).toBe(0);
    kernel.states = [];
    kernel.changes += 1;
    await look();
    expect(lines).toHaveLength(1);
  });

  it('is told again when it is ejected again, not when the time grows', async () => {
    await eject(ADDRESS);
    await eject(ADDRESS);
    expect(reported).toHaveLength(1);
    await answer();
    await eject(ADDRESS);
    expect(reported.map(({ reason }) => reason)).toEqual([
      'BackendEjected',
      'BackendReturned',
      'BackendEjected',
    ]);
  });

  it('of a host port is told at its pod', async () => {
    const [web] = services;
    if (web === undefined) throw new Error('one Service');
    services = [{ ...web, id: 'hostport:shop/web-1:80/TCP/IPv4::80' as never, owner: 'shop/web-1' as never }];
    kernel.changes = 1;
    kernel.states = [
      backendState(ADDRESS, { service: services[0]?.id as never, ejectedUntilMs: clock.wallMs() }),
    ];
    await look();
    expect(reported[0]?.object).toEqual({ kind: 'Pod', namespace: 'shop', name: 'web-1' });
  });
});

describe('watching for ejected backends', () => {
  it('reads no states while nothing changes, and none after the end', async () => {
    await eject(ADDRESS);
    kernel.reads = 0;
    for (let looks = 0; looks < 5; looks++) await look();
    expect(kernel.reads).toBe(0);
    await watch.stop();
    kernel.changes = 1;
    await look();
    expect(kernel.reads).toBe(0);
  });

  it('tells no more than twenty at a time, and how many more there are', async () => {
    const addresses = Array.from({ length: 25 }, (_, index) => `10.244.7.${index}`);
    services = [serviceRows('shop/web', { cluster: addresses.map((address) => backend(address)) })];
    await eject(...addresses);
    expect(lines).toHaveLength(21);
    expect(lines.at(-1)).toBe('and 5 more backends; see weir status services');
  });

  it('goes on after a failure, which it tells once', async () => {
    kernel.error = new Error('EPERM');
    await look();
    await look();
    expect(lines).toEqual(["states of backends can't be read, it is tried again: EPERM"]);
    kernel.error = null;
    await eject(ADDRESS);
    expect(reported).toHaveLength(1);
  });
});
