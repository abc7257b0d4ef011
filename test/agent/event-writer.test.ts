import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventWriter, type EventWriter } from '../../src/agent/event-writer.ts';
import type { Problem } from '../../src/model/objects.ts';
import { createConnector } from '../../src/source/kubernetes/connection.ts';
import { type EventServer, startEventServer } from './event-server.ts';
import { createManualClock } from './manual-clock.ts';

const OBJECT = '/api/v1/namespaces/shop/services/web';
const EVENTS = '/api/v1/namespaces/shop/events';
const PROBLEM: Problem = {
  severity: 'error',
  object: { kind: 'Service', namespace: 'shop', name: 'web' },
  field: 'spec.ports[0].port',
  reason: 'InvalidPort',
  message: '0 is not a port',
  remedy: 'use 1 to 65535',
  file: null,
};

let server: EventServer;
let clock: ReturnType<typeof createManualClock>;
let lines: string[];
const writers: EventWriter[] = [];

beforeEach(async () => {
  server = await startEventServer();
  server.objects.set(OBJECT, 'uid-1');
  clock = createManualClock();
  lines = [];
});

afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => writer.stop()));
  await server.close();
});

function create(node = 'n1', random = 0): EventWriter {
  const writer = createEventWriter({
    connector: createConnector(async () => ({ origin: server.origin, requestOptions: async () => ({}) })),
    timing: { ...clock, random: () => random },
    node,
    log: { warn: (_, line) => lines.push(line) },
  });
  writers.push(writer);
  return writer;
}

/** Moves the clock on until the condition holds. */
async function until(condition: () => boolean, stepMs = 0): Promise<void> {
  for (let attempt = 0; !condition(); attempt++) {
    if (attempt === 500)
      throw new Error(`waited in vain: ${server.requests.join(', ')}; ${lines.join(' | ')}`);
    await clock.advance(stepMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const total = (writer: EventWriter) => {
  const { written, repeated, spared, dropped, failed } = writer.counts();
  return written + repeated + spared + dropped + failed;
};
const stored = () => [...server.events.values()];

describe('a problem as an Event', () => {
  it('stands at its object, with reason, message and remedy', async () => {
    const writer = create();
    writer.report(PROBLEM);
    await until(() => total(writer) === 1);
    const now = '1970-01-01T00:16:41Z';
    expect(stored()).toEqual([
      {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: {
          namespace: 'shop',
          name: expect.stringMatching(/^web\.[0-9a-f]{16}$/),
          resourceVersion: expect.any(String),
        },
        involvedObject: {
          apiVersion: 'v1',
          kind: 'Service',
          namespace: 'shop',
          name: 'web',
          uid: 'uid-1',
          resourceVersion: '7',
        },
        type: 'Warning',
        reason: 'InvalidPort',
        message: 'spec.ports[0].port: 0 is not a port; use 1 to 65535',
        source: { component: 'weir', host: 'n1' },
        reportingComponent: 'weir',
        reportingInstance: 'n1',
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      },
    ]);
    expect(writer.counts()).toEqual({
      written: 1,
      repeated: 0,
      spared: 0,
      dropped: 0,
      failed: 0,
      lastError: null,
    });
  });

  it('of an object of the cluster goes to the namespace default', async () => {
    server.objects.set('/api/v1/nodes/n1', 'uid-n');
    const writer = create();
    writer.report({ ...PROBLEM, object: { kind: 'Node', namespace: '', name: 'n1' } });
    await until(() => total(writer) === 1);
    const [event] = stored();
    expect(event?.metadata.namespace).toBe('default');
    expect(event?.involvedObject).not.toHaveProperty('namespace');
  });

  it('fits into what API servers take, whatever the input holds', async () => {
    const name = `${'a'.repeat(235)}-b`;
    server.objects.set(`/api/v1/namespaces/shop/services/${name}`, 'uid-2');
    const writer = create();
    const object = { ...PROBLEM.object, name };
    writer.report({ ...PROBLEM, object, message: `a\nb${'ü'.repeat(2000)}` });
    await until(() => total(writer) === 1);
    const [event] = stored();
    expect(event?.metadata.name.length).toBeLessThanOrEqual(253);
    expect(event?.metadata.name).toMatch(/^a+\.[0-9a-f]{16}$/);
    const message = String(event?.message);
    expect(Buffer.byteLength(message)).toBeLessThanOrEqual(1024);
    expect(message).toMatch(/^spec\.ports\[0\]\.port: a\\nbü+…$/);
  });

  it('is one, however many agents see it and whenever they start', async () => {
    const agents = ['n1', 'n2', 'n3'].map((node) => create(node));
    for (const agent of agents) agent.report(PROBLEM);
    await until(() => agents.every((agent) => total(agent) === 1));
    expect(stored()).toHaveLength(1);
    expect(agents.map((agent) => agent.counts().written).sort()).toEqual([0, 0, 1]);
    expect(stored()[0]?.count).toBe(1);
  });

  it('that comes back after a while is counted on, once for all agents', async () => {
    const first = create();
    first.report(PROBLEM);
    await until(() => total(first) === 1);
    await clock.advance(601_000);
    const agents = ['n1', 'n2'].map((node) => create(node));
    for (const agent of agents) agent.report(PROBLEM);
    await until(() => agents.every((agent) => total(agent) === 1));
    expect(stored()).toHaveLength(1);
    expect(stored()[0]).toMatchObject({
      count: 2,
      firstTimestamp: '1970-01-01T00:16:41Z',
      lastTimestamp: '1970-01-01T00:26:42Z',
    });
    expect(agents.map((agent) => agent.counts().repeated).sort()).toEqual([0, 1]);
  });

  it('that says itself how long it is news is counted on after that', async () => {
    const writer = create();
    const notice = { ...PROBLEM, freshMs: 30_000 };
    for (const passedMs of [0, 29_000, 2000]) {
      await clock.advance(passedMs);
      const before = total(writer);
      writer.report(notice);
      await until(() => total(writer) > before);
    }
    expect(writer.counts()).toMatchObject({ written: 1, spared: 1, repeated: 1 });
  });

  it('where nothing is wrong is no warning', async () => {
    const writer = create();
    writer.report({ ...PROBLEM, severity: 'information' });
    await until(() => total(writer) === 1);
    expect(stored()[0]?.type).toBe('Normal');
  });

  it('of a new object of the same name is another', async () => {
    const writer = create();
    writer.report(PROBLEM);
    await until(() => total(writer) === 1);
    server.objects.set(OBJECT, 'uid-later');
    writer.report(PROBLEM);
    await until(() => total(writer) === 2);
    expect(stored()).toHaveLength(2);
  });
});

describe('sparingly', () => {
  it('waits a little, and what is gone by then is not told', async () => {
    const writer = create('n1', 0.5);
    writer.report(PROBLEM);
    writer.report({ ...PROBLEM, reason: 'Other' });
    await clock.advance(2400);
    expect(server.requests).toEqual([]);
    writer.withdraw({ ...PROBLEM });
    await until(() => total(writer) === 1, 100);
    expect(stored().map(({ reason }) => reason)).toEqual(['Other']);
  });

  it('tells 25 of one object at once, then one in five minutes, and others all the same', async () => {
    server.objects.set('/api/v1/namespaces/shop/services/other', 'uid-2');
    const writer = create();
    for (let index = 0; index < 30; index++) writer.report({ ...PROBLEM, message: `problem ${index}` });
    writer.report({ ...PROBLEM, object: { ...PROBLEM.object, name: 'other' } });
    await until(() => total(writer) === 31);
    expect(writer.counts()).toMatchObject({ written: 26, dropped: 5 });
    await clock.advance(300_000);
    for (let index = 30; index < 33; index++) writer.report({ ...PROBLEM, message: `problem ${index}` });
    await until(() => total(writer) === 34);
    expect(writer.counts()).toMatchObject({ written: 27, dropped: 7 });
  });

  it('never keeps more than a thousand waiting', () => {
    const writer = create();
    for (let index = 0; index < 1100; index++) {
      writer.report({ ...PROBLEM, object: { ...PROBLEM.object, name: `s${index}` } });
    }
    expect(writer.counts().dropped).toBe(100);
  });

  it('says nothing of objects that are gone, and of what is no object of the API', async () => {
    const writer = create();
    writer.report({ ...PROBLEM, object: { ...PROBLEM.object, name: 'gone' } });
    writer.report({ ...PROBLEM, object: { kind: 'Object', namespace: '', name: '' } });
    await until(() => total(writer) === 2);
    expect(writer.counts()).toMatchObject({ spared: 2, failed: 0 });
    expect(server.requests).toEqual(['GET /api/v1/namespaces/shop/services/gone']);
  });
});

describe('where Events can not be written', () => {
  it('says so once, with the rule that is missing, and counts', async () => {
    server.fault = (asked) => (asked.includes('/events') ? [403, 'events is forbidden'] : null);
    const writer = create();
    for (const reason of ['One', 'Two', 'Three']) writer.report({ ...PROBLEM, reason });
    await until(() => total(writer) === 3);
    expect(writer.counts()).toMatchObject({ failed: 3, written: 0 });
    expect(lines).toEqual([
      'Events can\'t be written: events: not allowed (403: events is forbidden); grant it to this user by a ClusterRole with the rule {apiGroups: [""], resources: ["events"], verbs: ["get", "create", "patch"]}',
    ]);
    server.fault = null;
    writer.report(PROBLEM);
    await until(() => total(writer) === 4);
    expect(writer.counts()).toMatchObject({ written: 1, lastError: null });
  });

  it('tries again while the server is in trouble, and gives one up after twelve times', async () => {
    let left = 12;
    server.fault = () => (--left >= 0 ? [500, 'etcd is away'] : null);
    const writer = create();
    writer.report(PROBLEM);
    writer.report({ ...PROBLEM, reason: 'Other' });
    await until(() => total(writer) === 2, 1000);
    expect(writer.counts()).toMatchObject({ failed: 1, written: 1 });
    expect(stored().map(({ reason }) => reason)).toEqual(['Other']);
    expect(lines).toHaveLength(1);
  });

  it('keeps quiet in a namespace that is about to go', async () => {
    server.fault = (asked) =>
      asked === `POST ${EVENTS}` ? [403, 'namespace shop: it is being terminated'] : null;
    const writer = create();
    writer.report(PROBLEM);
    await until(() => total(writer) === 1);
    expect(writer.counts()).toMatchObject({ spared: 1, failed: 0 });
    expect(lines).toEqual([]);
  });

  it('ends at once when told, whatever it waits for', async () => {
    server.fault = () => [503, 'starting'];
    const writer = create();
    writer.report(PROBLEM);
    await until(() => writer.counts().lastError !== null);
    await writer.stop();
    const asked = server.requests.length;
    writer.report({ ...PROBLEM, reason: 'Late' });
    await clock.advance(60_000);
    expect(server.requests).toHaveLength(asked);
  });
});
