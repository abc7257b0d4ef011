import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type AgentOptions, type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { systemClock } from '../../src/agent/clock.ts';
import { readConfiguration } from '../../src/agent/configuration.ts';
import { askAgent, streamAgent } from '../../src/agent/control-client.ts';
import { closeServer, listen } from '../../src/agent/http-server.ts';
import type { Pipeline } from '../../src/agent/pipeline.ts';
import { type RowsJson, rowsFromJson } from '../../src/agent/rows-json.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import type { ObjectName, Port } from '../../src/model/names.ts';
import type { ObjectVersion, Source, SourceBatch } from '../../src/model/source.ts';
import { type Call, createRecordingDataplane } from './recording-dataplane.ts';
import { changeOf, frontend, rowsOf, serviceRows } from './rows-samples.ts';

const WEB = serviceRows('shop/web', {
  frontends: [frontend(), frontend({ kind: 'nodePort', outside: 'drop' })],
});

let directory: string;
let running: RunningAgent[] = [];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'weir-agent-'));
});
afterEach(async () => {
  for (const agent of running) await agent.stop();
  running = [];
  rmSync(directory, { recursive: true, force: true });
});

function manualSource() {
  const state = { rescans: 0, stopped: false, reached: [] as readonly ObjectVersion[] };
  const source: Source = {
    async start(listener: (batch: SourceBatch) => void) {
      listener({ changes: [], problems: [] });
    },
    async rescan() {
      state.rescans += 1;
    },
    async reach(versions) {
      state.reached = versions;
    },
    state: () => ({
      origin: '/manifests',
      synced: true,
      lastEventAtMs: null,
      retries: 0,
      reason: null,
      skippedKinds: { NetworkPolicy: 2 },
    }),
    async stop() {
      state.stopped = true;
    },
  };
  return { source, state };
}

const pipeline: Pipeline = {
  accept: () => {},
  compile: () => ({ change: changeOf(), healthChecks: [], triggeredAtMs: [Date.now()] }),
  rows: () => rowsOf(WEB),
  serviceAt: () => undefined,
  followRows: () => () => changeOf(),
  problems: () => [],
  socketExemptions: () => ({ pods: new Map(), problems: [] }),
  changeCounts: () => ({ services: 3, endpoints: 4 }),
  nodeDeleting: () => false,
};

async function start(refuse?: (call: Call) => Error | null, overrides: Partial<AgentOptions> = {}) {
  const { source, state } = manualSource();
  const recorded = createRecordingDataplane(refuse);
  const configuration = readConfiguration({
    flags: {
      source: '/manifests',
      'hostname-override': 'n1',
      'healthz-bind-address': '127.0.0.1:0',
      'metrics-bind-address': '127.0.0.1:0',
    },
    environment: {},
    file: null,
  });
  const agent = await startAgent({
    configuration,
    source,
    pipeline,
    openDataplane: async () => recorded.dataplane,
    capabilities: {
      policyHook: null,
      withoutBpf: 'not in this test',
      bridgeNetfilter: { IPv4: false, IPv6: false },
    },
    clock: systemClock,
    log: pino({ level: 'silent' }),
    socketPath: socketPath(),
    ...overrides,
  });
  running.push(agent);
  return { agent, state, ...recorded };
}

const socketPath = () => join(directory, 'run', 'agent.sock');
const ask = (method: 'GET' | 'POST', resource: string) => askAgent(socketPath(), method, resource);

describe('control socket', () => {
  it('answers POST /sync when everything is in the kernel', async () => {
    const { calls, state } = await start();
    expect(await ask('POST', '/sync')).toMatchObject({ synced: true, problems: 0 });
    expect(state.rescans).toBe(1);
    expect(calls[0]?.call).toBe('sync');
  });

  it('answers POST /sync with versions once the source has told them, without looking again', async () => {
    const { calls, state } = await start();
    const versions = [{ kind: 'Service', namespace: 'shop', name: 'web', resourceVersion: '7' }];
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const options = { socketPath: socketPath(), method: 'POST', path: '/sync', agent: false };
      const outgoing = request(options, ({ statusCode }) => resolve(statusCode));
      outgoing.on('error', reject);
      outgoing.end(JSON.stringify(versions));
    });
    expect(answer).toBe(200);
    expect(state).toMatchObject({ rescans: 0, reached: versions });
    expect(calls[0]?.call).toBe('sync');
  });

  it('answers POST /sync with the error where it is not', async () => {
    await start(() => new Error('EPERM'));
    await expect(ask('POST', '/sync')).rejects.toMatchObject({
      code: 'refused',
      message: 'the first sync failed: EPERM',
    });
  });

  it('answers GET /status with all there is to know', async () => {
    await start();
    await ask('POST', '/sync');
    const status = (await ask('GET', '/status')) as AgentStatus;
    expect(status).toMatchObject({
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
      instance: 'weir',
      node: 'n1',
      pid: process.pid,
      healthy: true,
      unhealthyBecause: null,
      backends: { services: { backend: 'nft' }, policy: { backend: 'nft' } },
      source: { origin: '/manifests', synced: true, skippedKinds: { NetworkPolicy: 2 } },
      counts: {
        services: 1,
        frontends: 2,
        slots: 1,
        backends: 1,
        hostPorts: 0,
        noLocalEndpoints: { internal: 0, external: 1 },
      },
      dataplane: { backend: 'nft', sets: [{ name: 'slots4', elements: 3 }] },
      sync: { state: 'synced', pendingForMs: null, failures: 0, lastError: null },
      problems: [],
      repairs: 5,
    });
    expect(status.sync.syncs).toBeGreaterThan(0);
    expect(status.features.missing).toContainEqual({ feature: 'haste', why: 'there is no hurry' });
  });

  it('answers GET /rows so that the rows can be read back', async () => {
    await start();
    expect(rowsFromJson((await ask('GET', '/rows')) as RowsJson)).toEqual(rowsOf(WEB));
  });

  it('answers GET /services with a line for each Service port, or those of the one that is asked about', async () => {
    await start();
    const lines = async (question: string) => {
      const answered: { readonly displayName: string }[] = [];
      await streamAgent(socketPath(), `/services${question}`, (line) => void answered.push(JSON.parse(line)));
      return answered;
    };
    expect(await lines('')).toMatchObject([{ displayName: 'shop/web:http', backends: [{ counts: null }] }]);
    expect(await lines('?name=shop%2Fweb')).toHaveLength(1);
    expect(await lines('?name=shop%2Fapi')).toEqual([]);
  });

  it('says why it can’t answer GET /services', async () => {
    const refused = async () => {
      throw new Error('EPERM');
    };
    const choice = { place: null, why: '' };
    const backend = { status: refused, states: refused, exempt: refused };
    await start(undefined, { sockets: { choice, backend } });
    await expect(ask('GET', '/services')).rejects.toMatchObject({ code: 'refused', message: 'EPERM' });
  });

  it('[A59] tells of sockets what this kernel can’t do for them, among all that is missing', async () => {
    const missing = [{ feature: 'ending sockets', why: 'the kernel is older' }];
    const place = { cgroup: '/pods', nodeOnly: false, attached: true };
    const status = async () => ({ ...place, error: null, missing, exempt: [], figures: null });
    const backend = { status, states: async () => [], exempt: async () => [] };
    await start(undefined, { sockets: { choice: { place: null, why: '' }, backend } });
    const { features } = (await ask('GET', '/status')) as AgentStatus;
    expect(features.missing).toEqual(expect.arrayContaining(missing));
  });

  it('names what it can be asked', async () => {
    await start();
    await expect(ask('GET', '/else')).rejects.toThrow(
      'ask for GET /status, GET /rows, GET /services, GET /interfaces, GET /flows or POST /sync',
    );
  });

  it('is for its owner only, replaces a stale socket and goes away with the agent', async () => {
    const { agent } = await start();
    expect(statSync(socketPath()).mode & 0o777).toBe(0o600);
    await agent.stop();
    running = [];
    await expect(ask('GET', '/status')).rejects.toMatchObject({ code: 'not-running' });
    expect(existsSync(join(directory, 'run'))).toBe(false);
    mkdirSync(join(directory, 'run'), { recursive: true });
    writeFileSync(socketPath(), '');
    await start();
    expect(await ask('GET', '/status')).toMatchObject({ node: 'n1' });
  });

  it('says what must be writable where it has no room for the socket', async () => {
    symlinkSync('/nowhere/at/all', join(directory, 'run'));
    await expect(start()).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^no room for the control socket .*\/run writable for the agent$/),
    });
  });

  it('refuses a second agent of the same instance and leaves the first alone', async () => {
    await start();
    await expect(start()).rejects.toMatchObject({
      code: 'second-agent',
      message: expect.stringMatching(/instance weir \(pid \d+\) runs already; stop it first/),
    });
    expect(await ask('GET', '/status')).toMatchObject({ node: 'n1' });
  });
});

describe('metrics', () => {
  it('[E37] has kube-proxy’s names where they mean the same, and ours beside them', async () => {
    const { agent } = await start();
    await ask('POST', '/sync');
    await fetch(`http://127.0.0.1:${agent.ports().healthz}/healthz`);
    const response = await fetch(`http://127.0.0.1:${agent.ports().metrics}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain/);
    const lines = (await response.text()).split('\n');
    for (const line of [
      /^kubeproxy_sync_proxy_rules_duration_seconds_count [1-9]/,
      /^kubeproxy_sync_full_proxy_rules_duration_seconds_count 1$/,
      /^kubeproxy_sync_partial_proxy_rules_duration_seconds_count \d/,
      /^kubeproxy_network_programming_duration_seconds_count [1-9]/,
      /^kubeproxy_sync_proxy_rules_last_timestamp_seconds 1\.\d+e\+?9|^kubeproxy_sync_proxy_rules_last_timestamp_seconds \d{10}/,
      /^kubeproxy_sync_proxy_rules_last_queued_timestamp_seconds \d{10}/,
      /^kubeproxy_sync_proxy_rules_service_changes_total 3$/,
      /^kubeproxy_sync_proxy_rules_endpoint_changes_total 4$/,
      /^kubeproxy_sync_proxy_rules_no_local_endpoints_total\{traffic_policy="external"\} 1$/,
      /^kubeproxy_proxy_healthz_total\{code="200"\} 1$/,
      /^weir_rows\{table="frontend"\} 2$/,
      /^weir_set_elements\{set="slots4"\} 3$/,
      /^weir_problems\{severity="error"\} 0$/,
      /^weir_source_synced 1$/,
      /^weir_apply_failures_total 0$/,
      /^weir_repairs_total 5$/,
      /^weir_conntrack_deleted_total [2-9]/,
    ]) {
      expect(lines).toContainEqual(expect.stringMatching(line));
    }
  });

  it('[E37] [H7] counts failures; /healthz says so before the first success, /livez after two sync periods only', async () => {
    const { agent } = await start(() => new Error('EPERM'));
    await expect(ask('POST', '/sync')).rejects.toThrow();
    const text = await (await fetch(`http://127.0.0.1:${agent.ports().metrics}/metrics`)).text();
    expect(text).toMatch(/^weir_apply_failures_total [1-9]/m);
    const health = await fetch(`http://127.0.0.1:${agent.ports().healthz}/healthz`);
    expect(health.status).toBe(503);
    expect(await health.json()).toMatchObject({ reason: 'the first sync failed: EPERM' });
    expect((await fetch(`http://127.0.0.1:${agent.ports().healthz}/livez`)).status).toBe(200);
    expect(((await ask('GET', '/status')) as AgentStatus).sync).toMatchObject({
      state: 'failing',
      lastError: 'the first sync failed: EPERM',
    });
  });
});

describe('agent', () => {
  it('[A49] [A50] answers for its Services while its node is being deleted, which only /healthz tells', async () => {
    const probe = createServer();
    const port = await listen(probe, { port: 0 });
    await closeServer(probe);
    const check = { service: 'shop/web' as ObjectName, port: port as Port, localReadyEndpoints: 1 };
    const leaving: Pipeline = {
      ...pipeline,
      compile: () => ({ change: changeOf(), healthChecks: [check], triggeredAtMs: [] }),
      nodeDeleting: () => true,
    };
    const { agent } = await start(undefined, { pipeline: leaving });
    await ask('POST', '/sync');
    expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(200);
    expect((await fetch(`http://127.0.0.1:${agent.ports().healthz}/healthz`)).status).toBe(503);
    expect((await fetch(`http://127.0.0.1:${agent.ports().healthz}/livez`)).status).toBe(200);
    expect(await ask('GET', '/status')).toMatchObject({
      healthy: false,
      unhealthyBecause: 'the node is being deleted',
    });
  });

  it('leaves nothing running when the source can’t start', async () => {
    const { source, state } = manualSource();
    const broken: Source = { ...source, start: () => Promise.reject(new Error('no such folder')) };
    await expect(start(undefined, { source: broken })).rejects.toThrow('no such folder');
    expect(state.stopped).toBe(true);
    await expect(ask('GET', '/status')).rejects.toMatchObject({ code: 'not-running' });
  });
});
