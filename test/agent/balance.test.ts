import { describe, expect, it } from 'vitest';
import { createBalance } from '../../src/agent/balance.ts';
import { createMetrics } from '../../src/agent/metrics.ts';
import type { Notice } from '../../src/agent/problem-event.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { countRows } from '../../src/agent/status.ts';
import type { BackendState } from '../../src/dataplane/backend-state.ts';
import { backendState } from './backend-states.ts';
import { createManualClock } from './manual-clock.ts';
import { backend, rowsOf, serviceRows } from './rows-samples.ts';

const ROWS = rowsOf(
  serviceRows('shop/web', { cluster: [backend('10.244.1.2'), backend('10.244.1.3')] }),
  serviceRows('shop/api'),
);
const TALLIES = { connected: 7, sent: 2, refused: 1, failed: 4, ejected: 3, returned: 1, ended: 2 };

function scene({ serviceMetrics = false } = {}) {
  const kernel: { states: readonly BackendState[]; loaded: boolean } = { states: [], loaded: true };
  const status = async () => ({
    cgroup: '/sys/fs/cgroup/pods',
    nodeOnly: false,
    attached: true,
    error: null,
    missing: [],
    exempt: [],
    figures: kernel.loaded ? TALLIES : null,
  });
  const clock = createManualClock();
  const reported: string[] = [];
  const balance = createBalance({
    pipeline: { rows: () => ROWS },
    sockets: { status, states: async () => kernel.states },
    servesPackets: true,
    serviceMetrics,
    clock,
    log: { warn: () => {}, info: () => {} } as never,
    events: { report: ({ reason }: Notice) => void reported.push(reason), withdraw: () => {} } as never,
  });
  const agentStatus = async () =>
    ({
      counts: await countRows(ROWS),
      dataplane: null,
      problems: [],
      source: { synced: true, retries: 0 },
      sync: { pendingForMs: null, lastSuccessAt: null, syncs: 0, failures: 0 },
      events: null,
      policies: null,
      sockets: await status(),
    }) as unknown as AgentStatus;
  const changeCounts = () => ({ services: 0, endpoints: 0 });
  const metrics = createMetrics({ status: agentStatus, changeCounts, balance: balance.figures });
  /** Samples whose name begins so. */
  const scrape = async (name: string) =>
    (await metrics.render()).text.split('\n').filter((line) => line.startsWith(name));
  return { kernel, balance, clock, reported, scrape };
}

describe('metrics of balancing', () => {
  it('[E37] [F3] are totals', async () => {
    const { kernel, scrape } = scene();
    kernel.states = [
      backendState('10.244.1.2', { open: 2 }),
      backendState('10.244.1.3', { open: 3, ejectedUntilMs: 1 }),
    ];
    expect(await scrape('weir_open_connections')).toEqual(['weir_open_connections 5']);
    expect(await scrape('weir_backends_ejected')).toEqual(['weir_backends_ejected 1']);
    expect(await scrape('weir_connect_failures_total')).toEqual(['weir_connect_failures_total 4']);
    expect(await scrape('weir_backend_ejections_total')).toEqual(['weir_backend_ejections_total 3']);
    expect(await scrape('weir_socket_outcomes_total')).toEqual(
      ['connected"} 7', 'sent"} 2', 'refused"} 1'].map(
        (outcome) => `weir_socket_outcomes_total{outcome="${outcome}`,
      ),
    );
  });

  it('have no samples before the programs are loaded, and none for Services where nobody asks for them', async () => {
    const { kernel, scrape } = scene();
    kernel.states = [backendState('10.244.1.2', { open: 2 })];
    expect(await scrape('weir_service_')).toEqual([]);
    kernel.loaded = false;
    expect(await scrape('weir_open_connections')).toEqual([]);
    expect(await scrape('weir_backend_ejections_total')).toEqual([]);
  });

  it('[E37] are told for each Service port that has any, where that is asked for', async () => {
    const { kernel, scrape } = scene({ serviceMetrics: true });
    const labels = '{service="shop/web:http",protocol="TCP",family="IPv4"}';
    kernel.states = [
      backendState('10.244.1.2', { open: 2, connections: 10, failures: 1 }),
      backendState('10.244.1.3', { open: 1, connections: 5, failures: 3, ejectedUntilMs: 1 }),
    ];
    expect(await scrape('weir_service_')).toEqual([
      `weir_service_open_connections${labels} 3`,
      `weir_service_backends_ejected${labels} 1`,
      `weir_service_connections_total${labels} 15`,
      `weir_service_connect_failures_total${labels} 4`,
    ]);
  });

  it('[E37] never count backwards when a backend goes', async () => {
    const { kernel, scrape } = scene({ serviceMetrics: true });
    const total = async () => Number((await scrape('weir_service_connections_total'))[0]?.split(' ').at(-1));
    kernel.states = [
      backendState('10.244.1.2', { connections: 10 }),
      backendState('10.244.1.3', { connections: 5 }),
    ];
    expect(await total()).toBe(15);
    kernel.states = [backendState('10.244.1.2', { connections: 12 })];
    expect(await total()).toBe(17);
  });
});

describe('the watch for ejected backends', () => {
  it('[F3] begins with the agent, and tells by Events and in the status', async () => {
    const { kernel, balance, clock, reported } = scene();
    kernel.states = [
      backendState('10.244.1.3', { failuresInARow: 3, ejectedUntilMs: clock.wallMs() + 10_000 }),
    ];
    await clock.advance(4000);
    expect(reported).toEqual([]);
    balance.begin();
    await clock.advance(4000);
    expect(reported).toEqual(['BackendEjected']);
    expect(balance.ejected()).toBe(1);
    await balance.stop();
    expect(clock.timers()).toBe(0);
  });
});

describe('the status of Services', () => {
  it('is told of all, or of one by its name', async () => {
    const { balance, clock } = scene();
    const ask = async (name: string | null) => {
      const answer = balance.services(name);
      await clock.advance(1000);
      return (await Array.fromAsync(await answer)).map(({ displayName }) => displayName);
    };
    expect(await ask(null)).toEqual(['shop/web:http', 'shop/api:http']);
    expect(await ask('shop/api')).toEqual(['shop/api:http']);
    expect(await ask('shop/none')).toEqual([]);
  });
});
