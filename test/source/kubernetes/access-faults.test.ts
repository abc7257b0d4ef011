import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Source } from '../../../src/model/source.ts';
import { type AccessOptions, loadAccess } from '../../../src/source/kubernetes/access.ts';
import { createConnector } from '../../../src/source/kubernetes/connection.ts';
import { AUTHORITY, EXPIRED, GOOD, type KeyPair } from './certificates.ts';
import { answerStatus, fakeService } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';
import { type Front, type ProxyFront, startProxy, startTlsFront } from './secure-front.ts';

let following: Following;
let folder: string;
let open: Front[];

beforeEach(async () => {
  following = await beginFollowing();
  following.server.set(fakeService('a'));
  folder = mkdtempSync(join(tmpdir(), 'weir-access-'));
  open = [];
});

afterEach(async () => {
  await following.end();
  await Promise.all(open.map((front) => front.close()));
  rmSync(folder, { recursive: true });
});

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

async function front(pair: KeyPair): Promise<Front> {
  const made = await startTlsFront(pair, Number(new URL(following.server.origin).port));
  open.push(made);
  return made;
}

async function proxyTo(port: number, refusal?: string): Promise<ProxyFront> {
  const made = await startProxy(port, refusal);
  open.push(made);
  return made;
}

/** A kubeconfig as YAML is: JSON. */
function kubeconfig(
  server: string,
  more: { readonly cluster?: object; readonly user?: object } = {},
): string {
  const authority = { 'certificate-authority': write('ca.pem', AUTHORITY) };
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server, ...(more.cluster ?? authority) } }],
    users: [{ name: 'u', user: more.user ?? { token: 'secret' } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  });
}

function follow(access: Partial<AccessOptions>): Source {
  const options = { kubeconfig: null, context: null, environment: {}, ...access };
  const source = following.create({ connector: createConnector(() => loadAccess(options)) });
  source.start(following.recorder.listen).catch(() => undefined);
  return source;
}

async function reasonOf(source: Source): Promise<string> {
  await following.until(() => source.state().retries > 0);
  return source.state().reason ?? '';
}

const synced = (source: Source) => following.until(() => source.state().synced);

/** Refuses every token but this one, also on connections that are open. */
function acceptOnly(authorization: string): void {
  following.server.fault = (_url, response, request) => {
    if (request.headers.authorization === authorization) return false;
    answerStatus(response, 401, 'Unauthorized');
    return true;
  };
  following.server.cut();
}

describe('trust', () => {
  it('is given to the certificate that the authority signed', async () => {
    const { port } = await front(GOOD);
    const source = follow({ kubeconfig: write('k', kubeconfig(`https://127.0.0.1:${port}`)) });
    await synced(source);
    expect(following.recorder.objects.has('Service/shop/a')).toBe(true);
  });

  it.each<[string, KeyPair, object, RegExp]>([
    [
      'an expired certificate',
      EXPIRED,
      {},
      /^https:\S+: no trusted connection \(certificate has expired\); renew the server's certificate, or correct this node's clock$/,
    ],
    [
      'a certificate of another authority',
      GOOD,
      { 'certificate-authority-data': Buffer.from(EXPIRED.cert).toString('base64') },
      /no trusted connection \(.+\); it is judged by the certificate authority in kubeconfig \S+\/k: check/,
    ],
    [
      'a private authority where none is named',
      GOOD,
      {},
      /no trusted connection \(.+\); it is judged by the system's certificate authorities: check/,
    ],
    [
      'a certificate for another name',
      GOOD,
      { 'tls-server-name': 'other.test' },
      /no trusted connection \(.*other\.test.*\); name the server as its certificate does, or set .* tls-server-name/,
    ],
  ])('is refused to %s, with the remedy', async (what, pair, settings, message) => {
    const { port } = await front(pair);
    const authority = what.includes('private') || what.includes('another auth');
    const cluster = authority
      ? settings
      : { 'certificate-authority': write('ca.pem', AUTHORITY), ...settings };
    const source = follow({ kubeconfig: write('k', kubeconfig(`https://127.0.0.1:${port}`, { cluster })) });
    expect(await reasonOf(source)).toMatch(message);
  });

  it('is not asked of a server that does not speak TLS', async () => {
    const server = following.server.origin.replace('http:', 'https:');
    const source = follow({ kubeconfig: write('k', kubeconfig(server)) });
    expect(await reasonOf(source)).toMatch(
      /^https:\S+: the server does not speak TLS; correct the server's URL/,
    );
  });
});

describe('credentials', () => {
  it('in a pod, a token that is replaced is used at once, and the old one when refused is named', async () => {
    mkdirSync(join(folder, 'sa'));
    write('sa/token', 'first');
    write('sa/ca.crt', AUTHORITY);
    acceptOnly('Bearer first');
    const { port } = await front(GOOD);
    const environment = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(port) };
    const source = follow({ environment, serviceAccountFolder: join(folder, 'sa') });
    await synced(source);
    acceptOnly('Bearer second');
    await following.until(() => /\(401/.test(source.state().reason ?? ''));
    expect(source.state().reason).toBe(
      `the server refuses the token of ${folder}/sa/token (401: Unauthorized); renew the token or client certificate of the kubeconfig or ServiceAccount`,
    );
    write('sa/token', 'second');
    await synced(source);
  });

  it('a token that says when it ends is named with it', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: 1_600_000_000 })).toString('base64url');
    acceptOnly('none');
    const { port } = await front(GOOD);
    const user = { tokenFile: write('t', `e30.${claims}.sign\n`) };
    const source = follow({ kubeconfig: write('k', kubeconfig(`https://127.0.0.1:${port}`, { user })) });
    expect(await reasonOf(source)).toContain(
      `refuses the token of ${folder}/t, which expired on 2020-09-13T12:26:40.000Z (401`,
    );
  });

  it.each<[string, object, RegExp]>([
    [
      'a certificate that is none',
      { 'client-certificate-data': 'eHg=', 'client-key-data': 'eHg=' },
      /a certificate or key can't be read \(.+\); check .* PEM .*: the client certificate of user "u" in kubeconfig \S+\/k, which is no certificate/,
    ],
    [
      'a key of another certificate',
      {
        'client-certificate': () => write('u.pem', GOOD.cert),
        'client-key': () => write('u.key', EXPIRED.key),
      },
      /a certificate or key can't be read \(.*mismatch\); check that these .* belong together: .*\/u\.pem/,
    ],
    [
      'a token of two lines',
      { token: 'a\nb' },
      /the token of user "u" in kubeconfig \S+\/k can't be sent \(.+\); write it anew, on one line/,
    ],
    [
      'a plugin beside an authority that is missing',
      { exec: { command: 'true' } },
      /^kubeconfig \S+\/k: can't be used \(.*ENOENT.*ca\.pem'\); check cluster and user/,
    ],
  ])('%s: is told with file, user and remedy', async (what, settings, message) => {
    const user = Object.fromEntries(
      Object.entries(settings).map(([key, value]) => [key, typeof value === 'function' ? value() : value]),
    );
    const config = kubeconfig('https://127.0.0.1:1', { user });
    if (what.includes('missing')) rmSync(join(folder, 'ca.pem'));
    const source = follow({ kubeconfig: write('k', config) });
    expect(await reasonOf(source)).toMatch(message);
  });

  it('a client certificate that has expired is named with its file and its end, and a new one is taken', async () => {
    following.server.fault = (_url, response) => {
      answerStatus(response, 401, 'Unauthorized');
      return true;
    };
    const { port } = await front(GOOD);
    const user = {
      'client-certificate': write('u.pem', EXPIRED.cert),
      'client-key': write('u.key', EXPIRED.key),
    };
    const source = follow({ kubeconfig: write('k', kubeconfig(`https://127.0.0.1:${port}`, { user })) });
    expect(await reasonOf(source)).toContain(
      `the server refuses the client certificate of ${folder}/u.pem, which expired on 2021-01-01T00:00:00.000Z (401`,
    );
    write('u.pem', GOOD.cert);
    write('u.key', GOOD.key);
    const { retries } = source.state();
    await following.until(() => source.state().retries > retries + 16);
    expect(source.state().reason).toContain(`refuses the client certificate of ${folder}/u.pem (401`);
    following.server.fault = null;
    await synced(source);
  });

  it('of a plugin are asked for again when the server refuses them', async () => {
    write('made', 'first');
    acceptOnly('Bearer first');
    const { port } = await front(GOOD);
    const script = `#!/bin/sh\nprintf '{"status":{"token":"%s"}}' "$(cat ${folder}/made)"\n`;
    writeFileSync(join(folder, 'plugin'), script, { mode: 0o755 });
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin' };
    const config = kubeconfig(`https://127.0.0.1:${port}`, { user: { exec } });
    const source = follow({ kubeconfig: write('k', config) });
    await synced(source);
    acceptOnly('Bearer second');
    await following.until(() => /credential plugin "\S+\/plugin" \(401/.test(source.state().reason ?? ''));
    write('made', 'second');
    await synced(source);
  });

  it('that can not be had are told by the plugin’s name, as long as it lasts', async () => {
    const { port } = await front(GOOD);
    const exec = { command: 'sh', args: ['-c', `cat ${folder}/made`] };
    const config = kubeconfig(`https://127.0.0.1:${port}`, { user: { exec } });
    const source = follow({ kubeconfig: write('k', config) });
    expect(await reasonOf(source)).toMatch(/^credential plugin "sh": exit code 1: .*made.*; run it by hand/);
    write('made', '{"status":{"token":"t"}}');
    await synced(source);
  });
});

describe('a proxy', () => {
  it('of the kubeconfig leads to the server', async () => {
    const { port } = await front(GOOD);
    const proxy = await proxyTo(port);
    const cluster = {
      'certificate-authority': write('ca.pem', AUTHORITY),
      'proxy-url': `http://name:word@127.0.0.1:${proxy.port}`,
    };
    const source = follow({ kubeconfig: write('k', kubeconfig('https://api.test:6443', { cluster })) });
    await synced(source);
    expect(new Set(proxy.asked)).toEqual(new Set(['api.test:6443']));
    await proxy.close();
    open.splice(open.indexOf(proxy), 1);
    await following.until(() => source.state().reason?.includes('REFUSED') === true);
    expect(source.state().reason).toBe(
      `https://api.test:6443 through the proxy 127.0.0.1:${proxy.port}: no connection (connect ECONNREFUSED 127.0.0.1:${proxy.port}); check that proxy and server run and can be reached from this node`,
    );
  });

  it('of the environment is used, but not for what NO_PROXY names', async () => {
    const { port } = await front(GOOD);
    const proxy = await proxyTo(port);
    const environment = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}`, NO_PROXY: 'other.test' };
    const path = write('k', kubeconfig('https://api.test:6443'));
    await synced(follow({ kubeconfig: path, environment }));
    const direct = follow({ kubeconfig: path, environment: { ...environment, NO_PROXY: '.test' } });
    expect(await reasonOf(direct)).toMatch(/^https:\/\/api\.test:6443: no connection \(getaddrinfo/);
  });

  it('that refuses is named, without its password', async () => {
    const proxy = await proxyTo(1, '407 Proxy Authentication Required');
    const environment = { HTTPS_PROXY: `http://name:word@127.0.0.1:${proxy.port}` };
    const source = follow({ kubeconfig: write('k', kubeconfig('https://api.test:6443')), environment });
    const reason = await reasonOf(source);
    expect(reason).toMatch(/through the proxy 127\.0\.0\.1:\d+: no connection \(.*407 Proxy Authentication/);
    expect(reason).not.toContain('word');
  });

  it('whose address is none is told', async () => {
    const environment = { HTTPS_PROXY: 'http://' };
    const source = follow({ kubeconfig: write('k', kubeconfig('https://api.test:6443')), environment });
    expect(await reasonOf(source)).toMatch(/^proxy "http:\/\/": not a URL; write it like/);
  });
});
