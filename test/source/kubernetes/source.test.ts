import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/agent/clock.ts';
import { systemClock } from '../../../src/agent/clock.ts';
import type { NodeName } from '../../../src/model/names.ts';
import type { ServiceObject } from '../../../src/model/objects.ts';
import type { Source } from '../../../src/model/source.ts';
import { createConnector } from '../../../src/source/kubernetes/connection.ts';
import { WATCHED_KINDS } from '../../../src/source/kubernetes/kinds.ts';
import { type KubernetesOptions, kubernetesSource } from '../../../src/source/kubernetes.ts';
import { createManualClock } from '../../agent/manual-clock.ts';
import { createRecorder, type Recorder } from '../folder.ts';
import { answerStatus, bookmark, type FakeServer, fakeService, startFakeServer } from './fake-server.ts';

let server: FakeServer;
let recorder: Recorder;
let token: string;
let lines: string[];
const sources: Source[] = [];

beforeEach(async () => {
  server = await startFakeServer();
  recorder = createRecorder();
  token = 'first';
  lines = [];
});

afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
  await server.close();
});

/** Waits as little as the back-off allows; time does not matter to what these tests hold. */
const hasty: Clock = {
  ...systemClock,
  schedule: (ms, call) => systemClock.schedule(ms > 20_000 ? ms : ms / 20, call),
};

function create(options: Partial<KubernetesOptions> = {}): Source {
  const source = kubernetesSource({
    kubeconfig: null,
    context: null,
    node: 'here' as NodeName,
    environment: {},
    clock: hasty,
    log: { info: (_, line) => lines.push(line), warn: (_, line) => lines.push(line) },
    connector: createConnector(async () => ({
      origin: server.origin,
      requestOptions: async () => ({ headers: { Authorization: `Bearer ${token}` } }),
    })),
    ...options,
  });
  sources.push(source);
  return source;
}

async function started(options: Partial<KubernetesOptions> = {}): Promise<Source> {
  const source = create(options);
  await source.start(recorder.listen);
  return source;
}

/** How many are followed. */
const KINDS = WATCHED_KINDS.length;
const names = () => [...recorder.objects.values()].map(({ name }) => name).sort();
const portOf = (name: string) =>
  (recorder.objects.get(`Service/shop/${name}`) as ServiceObject | undefined)?.ports[0]?.port;
const serviceRequests = () => server.requests.filter(({ pathname }) => pathname.endsWith('/services'));

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; !condition(); attempt++) {
    if (attempt === 1000) throw new Error(`waited in vain; ${lines.join(' | ')}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe.each([
  ['streaming lists', true],
  ['paged lists', false],
])('with %s', (_, streaming) => {
  beforeEach(() => {
    server.streaming = streaming;
    server.pageSize = 2;
    for (const name of ['a', 'b', 'c']) server.set(fakeService(name));
  });

  it('delivers everything in the first batch, then each change', async () => {
    const source = await started();
    expect(recorder.batches).toHaveLength(1);
    expect(names()).toEqual(['a', 'b', 'c']);
    expect(source.state()).toMatchObject({ origin: server.origin, synced: true, reason: null, retries: 0 });
    await until(() => server.watches('Service') === 1);
    server.set(fakeService('a', 81));
    server.remove('Service', 'b');
    server.set(fakeService('d'));
    await until(() => names().join() === 'a,c,d' && portOf('a') === 81);
  });

  it('removes what was deleted while the server had forgotten our version (410), and tells only what changed', async () => {
    await started();
    await until(() => server.watches('Service') === 1);
    server.removeSilently('Service', 'b');
    server.set(fakeService('c', 82));
    await until(() => portOf('c') === 82);
    recorder.batches.splice(0);
    server.removeSilently('Service', 'a');
    server.compact();
    server.cut();
    await until(() => names().join() === 'c');
    const told = recorder.batches.flatMap(({ changes }) => changes.map(({ type }) => type));
    expect(told).toEqual(['delete', 'delete']);
  });

  it('goes on from its last version after a cut, without listing again', async () => {
    const source = await started();
    await until(() => server.watches('Service') === 1);
    server.set(fakeService('a', 81));
    await until(() => portOf('a') === 81);
    const before = serviceRequests().length;
    server.cut();
    server.set(fakeService('a', 82));
    await until(() => portOf('a') === 82);
    const after = serviceRequests().slice(before);
    expect(after.every(({ searchParams }) => searchParams.has('resourceVersion'))).toBe(true);
    await until(() => source.state().synced);
    expect(names()).toEqual(['a', 'b', 'c']);
  });

  it('looks again when asked, and then has seen every change', async () => {
    const source = await started();
    await until(() => server.watches('Service') === 1);
    server.removeSilently('Service', 'a');
    await source.rescan();
    expect(names()).toEqual(['b', 'c']);
    server.fault = (_url, response) => {
      answerStatus(response, 500, 'etcd is away');
      return true;
    };
    await expect(source.rescan()).rejects.toThrow(/500: etcd is away/);
  });

  it('tells when versions were delivered, without asking for anything again', async () => {
    const source = await started();
    await until(() => server.watches('Service') === 1);
    const before = server.requests.length;
    const version = (name: string, number: number | null) =>
      ({
        kind: 'Service',
        namespace: 'shop',
        name,
        resourceVersion: number === null ? null : String(number),
      }) as const;
    await source.reach?.([version('a', server.set(fakeService('a', 81)))]);
    expect(portOf('a')).toBe(81);
    const old = server.set(fakeService('b', 82));
    server.set(fakeService('b', 83));
    server.remove('Service', 'c');
    await source.reach?.([version('b', old), version('c', null)]);
    expect([portOf('b'), names()]).toEqual([83, ['a', 'b']]);
    const waiting = source.reach?.([version('new', server.set(fakeService('new', 84)) + 1)]);
    await until(() => portOf('new') === 84);
    expect(await Promise.race([waiting, 'waits'])).toBe('waits');
    server.set(fakeService('new', 85));
    await waiting;
    expect(portOf('new')).toBe(85);
    expect(server.requests.length).toBe(before);
  });

  it('lets nobody wait for versions beyond its end', async () => {
    const source = await started();
    const version = { kind: 'Pod', namespace: 'shop', name: 'never', resourceVersion: '1' } as const;
    const waiting = source.reach?.([version]);
    const told = expect(waiting).rejects.toThrow('stopping');
    await source.stop();
    await told;
  });
});

describe('faults', () => {
  it('a connection cut in the middle of a line loses and invents nothing', async () => {
    server.set(fakeService('a'));
    await started();
    await until(() => server.watches('Service') === 1);
    const half = JSON.stringify({ type: 'ADDED', object: fakeService('ghost') }).slice(0, -20);
    server.send('Service', half);
    server.cut();
    server.set(fakeService('b'));
    await until(() => names().join() === 'a,b');
  });

  it('a line in pieces, characters cut in two, is one event', async () => {
    await started();
    await until(() => server.watches('Service') === 1);
    const text = Buffer.from(
      `${JSON.stringify({ type: 'ADDED', object: fakeService('a', 80, { note: 'grün 🚀' }) })}\n`,
    );
    const watching = server.watches('Service');
    for (const byte of text) server.send('Service', Buffer.of(byte));
    await until(() => names().join() === 'a');
    expect(recorder.objects.get('Service/shop/a')?.annotations.note).toBe('grün 🚀');
    expect(server.watches('Service')).toBe(watching);
  });

  it('nothing is delivered before every kind is known, and the state says what is missing and why', async () => {
    server.set(fakeService('a'));
    server.fault = (url, response) => {
      if (!url.pathname.endsWith('/endpointslices')) return false;
      answerStatus(response, 403, 'endpointslices is forbidden');
      return true;
    };
    const source = create();
    const begun = source.start(recorder.listen);
    await until(() => source.state().retries >= 3);
    expect(recorder.batches).toEqual([]);
    expect(source.state()).toMatchObject({ synced: false });
    expect(source.state().reason).toMatch(
      /endpointslices\.discovery\.k8s\.io: not allowed \(403: .*forbidden\); grant it .* {apiGroups: \["discovery\.k8s\.io"\], resources: \["endpointslices"\], verbs: \["get", "list", "watch"\]}/,
    );
    server.fault = null;
    await begun;
    expect(names()).toEqual(['a']);
    expect(source.state()).toMatchObject({ synced: true, reason: null });
    expect(lines.filter((line) => line.includes('403'))).toHaveLength(1);
  });

  it('stopping while it waits for a server ends the start', async () => {
    server.fault = (_url, response) => {
      answerStatus(response, 503, 'starting');
      return true;
    };
    const source = create();
    const begun = source.start(recorder.listen);
    await until(() => source.state().retries > 0);
    await Promise.all([expect(begun).rejects.toThrow(/stopped before/), source.stop()]);
    // What was on its way when it stopped may still come.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const asked = server.requests.length;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(server.requests.length).toBe(asked);
  });

  it('outlives a storm of 500s and 429s', async () => {
    server.set(fakeService('a'));
    let left = 30;
    server.fault = (_url, response) => {
      left -= 1;
      if (left < 0) return false;
      answerStatus(response, left % 2 === 0 ? 500 : 429, 'storm', { 'Retry-After': '0' });
      return true;
    };
    const source = await started();
    expect(names()).toEqual(['a']);
    expect(source.state().retries).toBe(30);
  });

  it('a refused token is told with its remedy, and the new one is used as soon as it is there', async () => {
    server.set(fakeService('a'));
    server.fault = (_url, response, request) => {
      if (request.headers.authorization === 'Bearer second') return false;
      answerStatus(response, 401, 'Unauthorized');
      return true;
    };
    const source = create();
    const begun = source.start(recorder.listen);
    await until(() => source.state().retries > 0);
    expect(source.state().reason).toMatch(/refuses our credentials \(401: Unauthorized\); renew the token/);
    token = 'second';
    await begun;
    expect(names()).toEqual(['a']);
  });

  it('an object that is refused keeps its last good state, is told as a problem, and stops nothing', async () => {
    server.set(fakeService('a'));
    await started();
    await until(() => server.watches('Service') === 1);
    server.set({ ...fakeService('a'), spec: { clusterIP: 'nonsense', ports: [{ port: 0 }] } });
    server.set(fakeService('b'));
    await until(() => names().join() === 'a,b');
    expect(portOf('a')).toBe(80);
    expect(
      recorder.problems().map(({ object, severity, file }) => [object.name, severity, file]),
    ).toContainEqual(['a', 'error', null]);
    expect(recorder.problems()[0]?.message).toMatch(/; its last good state stays in effect$/);
    server.set(fakeService('a', 85));
    await until(() => portOf('a') === 85);
    expect(recorder.problems()).toEqual([]);
  });

  it('a line that is no JSON, and a listener that throws, stop nothing', async () => {
    const source = create();
    await source.start((batch) => {
      recorder.listen(batch);
      if (batch.changes.length > 0) throw new Error('listener broke');
    });
    await until(() => server.watches('Service') === 1);
    server.send('Service', '}{ not JSON\n');
    server.set(fakeService('a'));
    await until(() => names().join() === 'a');
    server.set(fakeService('b'));
    await until(() => names().join() === 'a,b');
    expect(lines.join()).toMatch(/can't be read.*listener broke/);
  });

  it('an ERROR event is a failure like an answer: 410 lists again', async () => {
    server.set(fakeService('a'));
    await started();
    await until(() => server.watches('Service') === 1);
    server.removeSilently('Service', 'a');
    const status = { kind: 'Status', code: 410, message: 'too old resource version' };
    server.send('Service', `${JSON.stringify({ type: 'ERROR', object: status })}\n`);
    await until(() => names().length === 0);
  });

  it('a bookmark moves the position: the next watch begins there', async () => {
    server.set(fakeService('a'));
    await started();
    await until(() => server.watches('Service') === 1);
    server.send('Service', bookmark(5000, false));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const before = serviceRequests().length;
    server.cut();
    await until(() => serviceRequests().length > before);
    expect(serviceRequests().at(-1)?.searchParams.get('resourceVersion')).toBe('5000');
  });
});

describe('time', () => {
  it('a Retry-After is kept to, whatever the back-off', async () => {
    const clock = createManualClock();
    let refused = 0;
    server.fault = (_url, response) => {
      refused += 1;
      if (refused > KINDS) return false;
      answerStatus(response, 429, 'later', { 'Retry-After': '7' });
      return true;
    };
    const source = create({ clock });
    const begun = source.start(recorder.listen);
    await until(() => source.state().retries === KINDS);
    await clock.advance(6900);
    expect(server.requests).toHaveLength(KINDS);
    await clock.advance(100);
    await begun;
    expect(server.requests).toHaveLength(2 * KINDS);
  });

  it('once a server answers again, no kind waits as long as its absence had made it wait', async () => {
    const clock = createManualClock();
    let starting = 5;
    server.fault = (_url, response) => response.destroy() !== undefined;
    const source = create({ clock, random: () => 0.9 });
    const begun = source.start(recorder.listen);
    // Each step of the clock, then time for the answers of the loopback.
    const step = async (ms: number): Promise<void> => {
      await clock.advance(ms);
      await new Promise((resolve) => setTimeout(resolve, 10));
    };
    while (source.state().retries < 60) await step(2000);
    server.fault = (_url, response) => {
      starting -= 1;
      if (starting >= 0) answerStatus(response, 503, 'starting');
      return starting >= 0;
    };
    for (let waited = 0; starting === 5 && waited < 10_000; waited += 100) await step(100);
    for (let waited = 0; waited < 1500; waited += 100) await step(100);
    expect(source.state()).toMatchObject({ synced: true });
    await begun;
  });

  it('a watch without a word for 90 s is given up and everything listed again', async () => {
    const clock = createManualClock();
    server.set(fakeService('a'));
    const source = await started({ clock });
    server.removeSilently('Service', 'a');
    await clock.advance(80_000);
    for (const { kind } of WATCHED_KINDS) {
      if (kind !== 'Service') server.send(kind, bookmark(200, false));
    }
    await until(() => (source.state().lastEventAtMs ?? 0) > 1_080_000);
    expect(names()).toEqual(['a']);
    await clock.advance(10_000);
    await until(() => source.state().retries === 1);
    expect(source.state().reason).toMatch(/nothing heard for 90 s/);
    await clock.advance(400);
    await until(() => names().length === 0);
    expect(source.state().synced).toBe(true);
  });
});
