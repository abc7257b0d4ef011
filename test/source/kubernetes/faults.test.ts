import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { answerStatus, bookmark, fakeService } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';

let following: Following;
beforeEach(async () => {
  following = await beginFollowing();
});
afterEach(() => following.end());

const names = () =>
  [...following.recorder.objects.values()]
    .filter(({ kind }) => kind === 'Service')
    .map(({ name }) => name)
    .sort()
    .join();
const isServices = ({ pathname }: URL) => pathname.endsWith('/services');

/** Starts a source and waits until its Services are watched. */
async function followed() {
  const source = following.create();
  await source.start(following.recorder.listen);
  await following.until(() => following.server.watches('Service') === 1);
  return source;
}

/** Answers requests about Services instead of the server, until it returns false. */
function onServices(fault: (url: URL, response: ServerResponse) => boolean): void {
  following.server.fault = (url, response) => isServices(url) && fault(url, response);
}

describe('a listing in pages', () => {
  beforeEach(() => {
    following.server.streaming = false;
    following.server.pageSize = 2;
    for (const name of ['a', 'b', 'c', 'd', 'e']) following.server.set(fakeService(name));
  });

  it('begins anew when its continue token is too old (410), and tells nothing twice', async () => {
    const { server, recorder } = following;
    let expired = 0;
    onServices((url, response) => {
      if (url.searchParams.get('continue') !== '2' || expired > 1) return false;
      expired += 1;
      // Meanwhile the first page has changed.
      if (expired === 1) server.removeSilently('Service', 'a');
      answerStatus(response, 410, 'The provided continue parameter is too old');
      return true;
    });
    const source = following.create();
    await source.start(recorder.listen);
    expect(names()).toBe('b,c,d,e');
    expect(expired).toBe(2);
    expect(source.state()).toMatchObject({ synced: true, retries: 2 });
    expect(recorder.batches).toHaveLength(1);
  });

  it('begins anew when an answer is cut short, zipped or not, and takes nothing of it', async () => {
    const body = JSON.stringify({
      kind: 'ServiceList',
      metadata: { resourceVersion: '5' },
      items: [fakeService('ghost')],
    });
    const answers: ((response: ServerResponse) => void)[] = [
      (response) =>
        response.writeHead(200, { 'Content-Encoding': 'gzip' }).end(gzipSync(body).subarray(0, -9)),
      (response) => response.end(body.slice(0, -9)),
      (response) => {
        response.writeHead(200, { 'Content-Length': body.length });
        response.write(body.slice(0, -9), () => response.destroy());
      },
      (response) => response.end(JSON.stringify({ ...JSON.parse(body), metadata: {} })),
    ];
    const reasons: string[] = [];
    onServices((url, response) => {
      const answer = url.searchParams.has('watch') ? undefined : answers.shift();
      answer?.(response);
      return answer !== undefined;
    });
    const source = following.create();
    const begun = source.start(following.recorder.listen);
    await following.until(() => {
      const { reason } = source.state();
      if (reason?.startsWith('not yet') === false && reason !== reasons.at(-1)) reasons.push(reason);
      return source.state().synced;
    });
    await begun;
    expect(names()).toBe('a,b,c,d,e');
    expect(reasons.join('\n')).toMatch(
      /^services: the answer can't be unzipped .*\nservices: the answer is no Kubernetes list.*\nhttp.*the connection was cut .*\nservices: the answer is no Kubernetes list/,
    );
  });
});

describe('a watch', () => {
  it('goes on after an ERROR event of any code, and is told why', async () => {
    const { server, until, lines } = following;
    server.set(fakeService('a'));
    const source = await followed();
    for (const status of [{ code: 799, message: 'odd' }, { message: 'no code' }, {}]) {
      const before = server.requests.filter(isServices).length;
      server.send('Service', `${JSON.stringify({ type: 'ERROR', object: { kind: 'Status', ...status } })}\n`);
      await until(() => server.requests.filter(isServices).length > before && source.state().synced);
      await until(() => server.watches('Service') === 1);
    }
    server.set(fakeService('b'));
    await until(() => names() === 'a,b');
    expect(lines.join()).toMatch(/services: the server can't answer \(799: odd\)/);
    expect(lines.join()).toMatch(/services: the server can't answer \(500: no code\)/);
  });

  it('does not lose its place by a bookmark, or an event, without a version', async () => {
    const { server, until } = following;
    server.set(fakeService('a'));
    await followed();
    server.send('Service', bookmark(5000, false));
    server.send('Service', '{"type":"BOOKMARK","object":{"kind":"Service","metadata":{}}}\n');
    server.send('Service', `${JSON.stringify({ type: 'ADDED', object: fakeService('b') })}\n`);
    await until(() => names() === 'a,b');
    const before = server.requests.length;
    server.cut();
    await until(() => server.requests.slice(before).some(isServices));
    expect(server.requests.slice(before).find(isServices)?.searchParams.get('resourceVersion')).toBe('5000');
  });

  it('takes good objects although what stands between them is none', async () => {
    const { server, until, lines } = following;
    await followed();
    server.set(fakeService('a'));
    for (const line of ['null', '[]', '{"type":"ADDED"}', '{"type":"NEWS","object":{}}', '"text"', '{']) {
      server.send('Service', `${line}\n`);
    }
    server.send('Service', `${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 7 } } })}\n`);
    server.set(fakeService('b'));
    await until(() => names() === 'a,b');
    expect(lines.filter((line) => line.includes("can't be read"))).toHaveLength(6);
  });
});

describe('at the wrong address', () => {
  async function reasonWith(answer: (response: ServerResponse) => void): Promise<string> {
    following.server.fault = (_url, response) => {
      answer(response);
      return true;
    };
    const source = following.create();
    source.start(following.recorder.listen).catch(() => undefined);
    await following.until(() => source.state().retries >= 12);
    expect(following.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    return source.state().reason ?? '';
  }

  it.each<[string, (response: ServerResponse) => void, RegExp]>([
    [
      'a web page',
      (response) =>
        response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html><title>Shop\n</title>Welcome'),
      /^http:\S+: no API server: it answers 200 with text\/html "Shop"; correct the server's URL$/,
    ],
    [
      'a page that is not there',
      (response) => response.writeHead(404, { 'Content-Type': 'text/html; charset=utf-8' }).end('<h1>Oops'),
      /no API server: it answers 404 with text\/html/,
    ],
    [
      'a login',
      (response) => response.writeHead(302, { Location: 'https://login.example/' }).end(),
      /no API server: it redirects to https:\/\/login\.example\/; correct the server's URL/,
    ],
    [
      'TLS, asked without',
      (response) => response.writeHead(400).end('Client sent an HTTP request to an HTTPS server.\n'),
      /the server speaks TLS; write https:\/\/ instead of http:\/\//,
    ],
    [
      'an API server without our kinds',
      (response) =>
        response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('404 page not found\n'),
      /^namespaces: not served \(404: 404 page not found\); Weir needs Namespace of v1: check the server's version/,
    ],
  ])('%s is told as such, once', async (_, answer, message) => {
    expect(await reasonWith(answer)).toMatch(message);
  });

  it('it goes on as soon as the address is right, and has lost nothing', async () => {
    const { server, recorder, until } = following;
    server.set(fakeService('a'));
    const source = await followed();
    server.fault = (_url, response) => {
      response.writeHead(404, { 'Content-Type': 'text/html' }).end('not here');
      return true;
    };
    server.cut();
    await until(() => /no API server/.test(source.state().reason ?? ''));
    expect(names()).toBe('a');
    server.fault = null;
    await until(() => source.state().synced);
    expect(names()).toBe('a');
    expect(
      recorder.batches.flatMap(({ changes }) => changes).filter(({ type }) => type === 'delete'),
    ).toEqual([]);
  });
});
