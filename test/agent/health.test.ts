import { createServer } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { type HealthState, judgeHealth, startHealthServer } from '../../src/agent/health.ts';
import { closeServer, listen } from '../../src/agent/http-server.ts';
import { createServiceHealthServers, type HealthCheck } from '../../src/agent/service-health.ts';
import type { ObjectName, Port } from '../../src/model/names.ts';
import { createManualClock } from './manual-clock.ts';

const GOOD: HealthState = {
  lastSuccessAtMs: 1_800_000_000_000,
  firstSyncWaitsFor: null,
  pendingForMs: null,
  nodeDeleting: false,
};
const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

describe('/healthz and /livez', () => {
  async function serve(state: HealthState) {
    const answers: [string, number][] = [];
    const server = await startHealthServer({
      bind: { host: '127.0.0.1', port: 0 },
      state: () => state,
      syncPeriodMs: 30_000,
      onAnswer: (path, code) => void answers.push([path, code]),
    });
    closers.push(() => server.close());
    const ask = async (path: string) => fetch(`http://127.0.0.1:${server.port}${path}`);
    return { ask, answers };
  }

  it('[A50] answers like kube-proxy while all is well', async () => {
    const { ask, answers } = await serve(GOOD);
    const response = await ask('/healthz');
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toEqual({
      lastUpdated: new Date(1_800_000_000_000).toISOString(),
      currentTime: expect.any(String),
      nodeEligible: true,
    });
    expect((await ask('/livez')).status).toBe(200);
    expect((await ask('/else')).status).toBe(404);
    expect(answers).toEqual([
      ['healthz', 200],
      ['livez', 200],
    ]);
  });

  it('[A50] [H11] answers 503 to /healthz and 200 to /livez while the node is being deleted', async () => {
    const { ask } = await serve({ ...GOOD, nodeDeleting: true });
    const response = await ask('/healthz');
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ nodeEligible: false, reason: 'the node is being deleted' });
    expect((await ask('/livez')).status).toBe(200);
  });

  it('answers 503 with what it waits for until the first sync, and 200 to /livez: a restart would not help', async () => {
    const why = 'https://api: no connection (ECONNREFUSED); check that the server runs';
    const { ask } = await serve({ ...GOOD, lastSuccessAtMs: null, firstSyncWaitsFor: why });
    const response = await ask('/healthz');
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({
      lastUpdated: null,
      currentTime: expect.any(String),
      nodeEligible: true,
      reason: why,
    });
    expect((await ask('/livez')).status).toBe(200);
  });

  it('[A50] [H7] answers 503 to both when a change waits for more than two sync periods', async () => {
    const { ask } = await serve({ ...GOOD, pendingForMs: 60_001 });
    expect((await ask('/healthz')).status).toBe(503);
    expect((await ask('/livez')).status).toBe(503);
    expect(judgeHealth({ ...GOOD, pendingForMs: 60_000 }, 30_000)).toEqual({
      live: true,
      ready: true,
      why: null,
    });
  });

  it('rejects an address that is taken', async () => {
    const other = createServer();
    const port = await listen(other, { host: '127.0.0.1', port: 0 });
    closers.push(() => closeServer(other));
    const options = { state: () => GOOD, syncPeriodMs: 1, onAnswer: () => {} };
    await expect(startHealthServer({ ...options, bind: { host: '127.0.0.1', port } })).rejects.toThrow(
      'EADDRINUSE',
    );
  });
});

describe('health-check node ports', () => {
  const check = (port: number, localReadyEndpoints: number): HealthCheck => ({
    service: 'shop/web' as ObjectName,
    port: port as Port,
    localReadyEndpoints,
  });

  function servers() {
    const clock = createManualClock();
    const state = { healthy: true, told: 0 };
    const servers = createServiceHealthServers({
      clock,
      healthy: () => state.healthy,
      onProblems: () => {
        state.told += 1;
      },
    });
    closers.push(() => servers.close());
    return { clock, servers, state };
  }

  async function freePort(): Promise<number> {
    const server = createServer();
    const port = await listen(server, { port: 0 });
    await closeServer(server);
    return port;
  }

  async function ask(port: number, host = '127.0.0.1'): Promise<Response> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await fetch(`http://${host}:${port}/`);
      } catch (error) {
        if (attempt === 50) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  it('[A49] answers 200 with the number of local endpoints, 503 without any, and follows changes', async () => {
    const { servers: service } = servers();
    const port = await freePort();
    service.update([check(port, 2)]);
    const good = await ask(port);
    expect(good.status).toBe(200);
    expect(good.headers.get('x-load-balancing-endpoint-weight')).toBe('2');
    expect(await good.text()).toBe(
      '{"service":{"namespace":"shop","name":"web"},"localEndpoints":2,"serviceProxyHealthy":true}\n',
    );
    service.update([check(port, 0)]);
    const none = await ask(port);
    expect(none.status).toBe(503);
    expect(none.headers.get('x-load-balancing-endpoint-weight')).toBe('0');
    expect(await none.json()).toMatchObject({ localEndpoints: 0 });
  });

  it('[A49] answers 503 while the proxy itself is not healthy', async () => {
    const { servers: service, state } = servers();
    const port = await freePort();
    state.healthy = false;
    service.update([check(port, 1)]);
    const response = await ask(port);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ localEndpoints: 1, serviceProxyHealthy: false });
  });

  it('[A49] stops listening when the Service is gone', async () => {
    const { servers: service } = servers();
    const port = await freePort();
    service.update([check(port, 1)]);
    await ask(port);
    service.update([]);
    await service.close();
    await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow();
  });

  it('tells of a port that is taken, tries again and then answers', async () => {
    const { servers: service, clock, state } = servers();
    const other = createServer();
    const port = await listen(other, { port: 0 });
    service.update([check(port, 1)]);
    while (state.told === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(service.problems()).toEqual([
      expect.objectContaining({ reason: 'HealthCheckPortNotBound', field: 'spec.healthCheckNodePort' }),
    ]);
    await closeServer(other);
    await clock.advance(5000);
    expect((await ask(port)).status).toBe(200);
    expect(service.problems()).toEqual([]);
  });
});
