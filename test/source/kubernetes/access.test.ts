import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadAccess } from '../../../src/source/kubernetes/access.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-access-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

const IN_A_POD = { KUBERNETES_SERVICE_HOST: 'fd00::1', KUBERNETES_SERVICE_PORT: '6443' };

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const kubeconfig = (user: string, server = 'https://192.0.2.1:6443/prefix/', current = 'one') => `
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "${server}"}}]
users: [{name: u, user: ${user}}]
contexts: [{name: one, context: {cluster: c, user: u}}, {name: lost, context: {cluster: gone, user: u}}]
current-context: "${current}"
`;

const load = (path: string, context: string | null = null) =>
  loadAccess({ kubeconfig: path, context, environment: {} });
const authorization = async (connection: Awaited<ReturnType<typeof loadAccess>>) =>
  (await connection.requestOptions()).headers as Readonly<Record<string, string>>;

describe('in a pod', () => {
  it('reads server, authority and token, and each new token that the kubelet writes', async () => {
    mkdirSync(join(folder, 'sa'));
    write('sa/token', 'first\n');
    write('sa/ca.crt', 'authority');
    const options = { kubeconfig: null, context: null, environment: IN_A_POD };
    const connection = await loadAccess({ ...options, serviceAccountFolder: join(folder, 'sa') });
    expect(connection.origin).toBe('https://[fd00::1]:6443');
    expect(await connection.requestOptions()).toEqual({
      ca: 'authority',
      headers: { Authorization: 'Bearer first' },
    });
    write('sa/token', 'second\n');
    expect(await authorization(connection)).toEqual({ Authorization: 'Bearer second' });
    rmSync(join(folder, 'sa/token'));
    await expect(connection.requestOptions()).rejects.toThrow(/sa\/token: can't be read .*; mount a Service/);
  });

  it('says how to name a server where there is neither a kubeconfig nor a pod', async () => {
    const options = { kubeconfig: null, context: null, environment: {} };
    await expect(loadAccess(options)).rejects.toThrow(
      /no API server known: .*; give --kubeconfig, set KUBECONFIG/,
    );
  });
});

describe('a kubeconfig', () => {
  it('gives server and token of its current context', async () => {
    const connection = await load(write('k', kubeconfig('{token: secret}')));
    expect(connection.origin).toBe('https://192.0.2.1:6443/prefix');
    expect(await authorization(connection)).toMatchObject({ Authorization: 'Bearer secret' });
  });

  it('may name a token file beside it, which is read each time', async () => {
    write('t', 'first');
    const connection = await load(write('k', kubeconfig('{tokenFile: t, token: not-this}')));
    expect(await authorization(connection)).toMatchObject({ Authorization: 'Bearer first' });
    write('t', 'second');
    expect(await authorization(connection)).toMatchObject({ Authorization: 'Bearer second' });
  });

  it('may have a plugin that answers with a token, and says when it fails', async () => {
    const credential =
      '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"made"}}';
    const plugin = (command: string, args: string) =>
      kubeconfig(
        `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${command}, args: [${args}]}}`,
      );
    const good = await load(write('good', plugin('echo', `'${credential}'`)));
    expect(await authorization(good)).toMatchObject({ Authorization: 'Bearer made' });
    const bad = await load(write('bad', plugin('"false"', '')));
    await expect(bad.requestOptions()).rejects.toThrow(
      /^credential plugin "false": exit code 1; run it by hand/,
    );
  });

  it('may be several files, of which some are missing', async () => {
    const path = `${join(folder, 'none')}:${write('k', kubeconfig('{token: secret}'))}`;
    expect((await load(path)).origin).toBe('https://192.0.2.1:6443/prefix');
  });

  it.each([
    [
      'is missing',
      () => join(folder, 'none'),
      null,
      /none: can't be used .*ENOENT.*; name a kubeconfig that exists/,
    ],
    ['is no YAML', () => write('k', 'a: [b'), null, /can't be used .*; name a kubeconfig that exists/],
    [
      'is something else',
      () => write('k', '{kind: Pod}'),
      null,
      /k: it has no contexts, or is something else; name/,
    ],
    [
      'lacks the user',
      () => write('k', kubeconfig('{}').replace('{cluster: c, user: u}', '{cluster: c, user: v}')),
      null,
      /context "one" has no user "v"; correct its user entry/,
    ],
    [
      'lacks the context',
      () => write('k', kubeconfig('{}')),
      'two',
      /no context "two" \(it has one, lost\); name one/,
    ],
    [
      'has no current context',
      () => write('k', kubeconfig('{}', 'https://a', '')),
      null,
      /no current context \(it has one, lost\); name one of them with --context/,
    ],
    [
      'has a server that is no web address',
      () => write('k', kubeconfig('{}', 'ftp://192.0.2.1')),
      null,
      /context "one" has no cluster with a server's URL such as https:/,
    ],
    [
      'lacks the cluster',
      () => write('k', kubeconfig('{}')),
      'lost',
      /context "lost" has no cluster with a server/,
    ],
    [
      'has no URL',
      () => write('k', kubeconfig('{}', 'nonsense')),
      null,
      /has no cluster with a server's URL/,
    ],
  ])('that %s is told in one line with the remedy', async (_, path, context, message) => {
    const error = await load(path(), context).catch((thrown: Error) => thrown);
    expect(String(error)).toMatch(message);
    expect(String(error)).not.toContain('\n');
  });
});
