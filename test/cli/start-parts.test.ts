import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openManifestFolder } from '../../src/cli/manifest-folder.ts';
import { readCluster } from '../../src/cli/offline-cluster.ts';
import { createJudge } from '../../src/cli/start-expectation.ts';
import { startRequests } from '../../src/cli/start-requests.ts';
import { createStartTable, median } from '../../src/cli/start-table.ts';
import { createScreen, sceneLines } from '../../src/cli/start-view.ts';
import type { TraceAnswer } from '../../src/explain/trace-line.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName, Port } from '../../src/model/names.ts';
import type { ProbeAnswer } from '../../src/model/probe-request.ts';

const SHOP = new URL('../../examples/shop', import.meta.url).pathname;

describe('requests of the live table', () => {
  it('dial every Service port from a pod of each node, from a node and from outside', async () => {
    const { objects, problems } = await readCluster([SHOP]);
    expect(problems).toEqual([]);
    const requests = startRequests(objects);
    expect(requests.filter(({ request }) => 'error' in request)).toEqual([]);
    const titles = new Set(requests.map(({ title }) => title));
    for (const service of objects.filter((object) => object.kind === 'Service')) {
      const isDialled = service.clusterIps !== 'headless' && service.type !== 'ExternalName';
      for (const port of service.ports) {
        expect(titles.has(`${service.namespace}/${service.name}:${port.name}`)).toBe(isDialled);
      }
    }
    const web = requests.filter(({ title }) => title === 'shop/web:http');
    const froms = web.map(({ by, request }) => ('from' in request ? `${request.from} by ${by}` : ''));
    expect(froms).toEqual([
      expect.stringMatching(/^[a-z]+\/[-a-z0-9]+ by cluster IP$/),
      expect.stringMatching(/^[a-z]+\/[-a-z0-9]+ by cluster IP$/),
      'node/north by cluster IP',
      'external by load balancer',
      'external by load balancer',
      'external by node port north',
      'external by node port south',
    ]);
    expect(requests.some(({ by }) => by === 'external IP')).toBe(true);
    expect(requests.some(({ by }) => by === 'host port')).toBe(true);
  });
});

const ANSWER: ProbeAnswer = {
  index: 0,
  from: 'shop/cart-1',
  to: 'svc:shop/web',
  address: '10.96.0.80' as Address,
  port: 80 as Port,
  protocol: 'tcp',
  verdict: 'allowed',
  answeredBy: 'shop/web-1' as ObjectName,
  clientSeen: '10.244.1.9' as Address,
  ms: 1,
};

describe('judge of answers', () => {
  async function judge() {
    const { objects } = await readCluster([SHOP]);
    const web = objects.find((object) => object.kind === 'Pod' && object.name === 'web-1');
    const address = web?.kind === 'Pod' ? web.addresses[0] : undefined;
    const expected: TraceAnswer = {
      ...ANSWER,
      answeredBy: null,
      clientSeen: null,
      why: '',
      service: 'shop/web:http',
      frontend: 'clusterIP',
      policy: 'Cluster',
      candidates: [`${address}:8080`],
      weights: [1],
      scheduler: 'random',
      excluded: [],
      masquerade: false,
      egress: null,
      ingress: null,
      denied: [],
    };
    return { judge: createJudge(objects), expected, address };
  }

  it('takes any candidate and refuses any other', async () => {
    const { judge: ask, expected } = await judge();
    expect(ask(ANSWER, expected)).toBeNull();
    const other = { ...ANSWER, answeredBy: 'shop/cart-1' as ObjectName };
    expect(ask(other, expected)).toBe('answered by shop/cart-1, who is no candidate');
  });

  it('wants the verdict of the rows', async () => {
    const { judge: ask, expected } = await judge();
    const refused = { ...ANSWER, verdict: 'refused' as const, answeredBy: null, clientSeen: null };
    expect(ask(refused, expected)).toBe('refused, should be allowed');
    expect(ask(ANSWER, { ...expected, verdict: 'blocked' })).toBe('allowed, should be blocked');
    expect(ask(refused, { ...expected, verdict: 'refused' })).toBeNull();
  });

  it('lets a pod refuse a port it does not serve', async () => {
    const { judge: ask, expected, address } = await judge();
    const refused = { ...ANSWER, verdict: 'refused' as const, answeredBy: null, clientSeen: null };
    expect(ask(refused, { ...expected, candidates: [`${address}:1`] })).toBeNull();
  });

  it('compares the client address where the rows leave one possibility', async () => {
    const { judge: ask, expected } = await judge();
    const seen = { ...expected, clientSeen: '172.31.0.3' as Address };
    expect(ask(ANSWER, seen)).toBe('server saw 10.244.1.9, should see 172.31.0.3');
    expect(ask(ANSWER, { ...expected, clientSeen: ANSWER.clientSeen })).toBeNull();
  });

  it('lets a pod that reaches itself see its own address, where the rows would masquerade packets', async () => {
    const { judge: ask, expected, address } = await judge();
    const itself = { ...ANSWER, from: 'shop/web-1', clientSeen: address as Address };
    const masqueraded = { ...expected, clientSeen: '172.31.0.3' as Address };
    expect(ask(itself, masqueraded)).toBeNull();
    expect(ask({ ...itself, clientSeen: ANSWER.clientSeen }, masqueraded)).toMatch(/^server saw/);
    expect(ask({ ...itself, from: 'shop/cart-1' }, masqueraded)).toMatch(/^server saw/);
  });

  it('passes on what could not be asked', async () => {
    const { judge: ask, expected } = await judge();
    const failure = { ...ANSWER, error: 'no such pod' };
    expect(ask(failure, expected)).toBe('no such pod');
    expect(ask(ANSWER, undefined)).toBe('trace has no answer');
  });
});

describe('live table', () => {
  const requests = [{ title: 'shop/web:http', by: 'cluster IP', request: { error: 'unused' } }];
  const line = (answeredBy: string, ms: number) => ({ ...ANSWER, answeredBy: answeredBy as ObjectName, ms });

  it('counts who answered over all rounds and keeps what is wrong of the last one only', () => {
    const table = createStartTable(requests);
    const sixth = { ...line('shop/web-2', 3), address: 'fd96::80' as Address };
    table.add([line('shop/web-1', 5), sixth], ['late', null]);
    table.add([line('shop/web-2', 1), sixth], [null, null]);
    expect(table.rows()).toEqual([
      {
        service: 'shop/web:http',
        by: 'cluster IP',
        from: 'shop/cart-1',
        families: '4+6',
        answers: ['shop/web-2 ×3', 'shop/web-1 ×1'],
        clientSeen: ['10.244.1.9'],
        msMedian: 3,
        wrong: [],
      },
    ]);
    expect(median([])).toBeNull();
  });

  it('is printed as a whole where there is no terminal, and says what is wrong', () => {
    const table = createStartTable(requests);
    table.add([line('shop/web-1', 5)], ['late']);
    const written: string[] = [];
    const screen = createScreen({ write: (text) => written.push(text) });
    screen.draw({ rows: table.rows(), round: 1, folder: '/shop', isLive: true, notes: ['error: x'] });
    expect(written[0]).toMatch(/^RIGHT +SERVICE/);
    expect(written[0]).toMatch(/^NO +shop\/web:http .* late$/m);
    expect(written[0]).toMatch(
      /round 1: 0 of 1 lines as the rows say; 1 lines are wrong\nedit and save .*\nerror: x\n/,
    );
  });

  it('is redrawn in place on a terminal, cut to its size with wrong lines first', () => {
    const many = Array.from({ length: 40 }, (_, index) => ({
      ...requests[0],
      title: `shop/s${index}`,
      by: 'x',
    }));
    const table = createStartTable(many.map((each) => ({ ...each, request: { error: 'unused' } })));
    const lines = many.map((_, index) => ({ ...ANSWER, index }));
    table.add(
      lines,
      lines.map((_, index) => (index === 39 ? 'late' : null)),
    );
    const scene = { rows: table.rows(), round: 1, folder: '/shop', isLive: false, notes: [] };
    const cut = sceneLines(scene, 20);
    expect(cut.length).toBeLessThanOrEqual(20);
    expect(cut[1]).toMatch(/^NO +shop\/s39/);
    expect(cut.join('\n')).toContain('more lines');
    const written: string[] = [];
    const screen = createScreen({ isTTY: true, columns: 50, rows: 21, write: (text) => written.push(text) });
    screen.draw(scene);
    screen.draw(scene);
    expect(written[0]?.startsWith('\u001b[')).toBe(false);
    expect(written[1]).toMatch(new RegExp(`^\\u001b\\[${cut.length}A\\u001b\\[J`));
    for (const shown of (written[0] ?? '').split('\n')) expect(shown.length).toBeLessThanOrEqual(50);
  });
});

describe('folder of manifests', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weir-folder-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const namespaces = (...names: readonly string[]) =>
    names.map((name) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n`).join('---\n');
  const write = (file: string, text: string) => writeFileSync(join(directory, file), text);

  it('tells which objects went away, once', async () => {
    write('a.yaml', namespaces('one', 'two'));
    write('b.yaml', namespaces('three'));
    const folder = await openManifestFolder(directory);
    expect(await folder.removedSince()).toEqual([]);
    write('a.yaml', namespaces('two'));
    rmSync(join(directory, 'b.yaml'));
    const removed = await folder.removedSince();
    expect(removed.map((raw) => (raw.metadata as { name: string }).name).sort()).toEqual(['one', 'three']);
    expect(await folder.removedSince()).toEqual([]);
  });

  it('takes nothing for removed while its file can’t be read, or when it moved to another file', async () => {
    write('a.yaml', namespaces('one'));
    const folder = await openManifestFolder(directory);
    write('a.yaml', 'kind: [');
    expect(await folder.removedSince()).toEqual([]);
    write('b.yaml', namespaces('one'));
    rmSync(join(directory, 'a.yaml'));
    expect(await folder.removedSince()).toEqual([]);
  });
});
