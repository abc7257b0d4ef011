import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { relayKubeconfigs } from '../../../src/lab/server/relay-kubeconfig.ts';

const folder = mkdtempSync(join(tmpdir(), 'weir-relay-'));
afterAll(() => rmSync(folder, { recursive: true }));

const user = { 'client-certificate': 'me.crt', exec: { command: './login' } };

/** The clusters and users of the copy of a kubeconfig with this cluster. */
function copyOf(cluster: object, origin: string) {
  const file = join(folder, 'config');
  const other = { name: 'other', cluster: { server: 'https://elsewhere', 'proxy-url': 'http://proxy' } };
  const config = { clusters: [{ name: 'c', cluster }, other], users: [{ name: 'u', user }] };
  writeFileSync(file, JSON.stringify(config));
  const [text = ''] = relayKubeconfigs(`${file}:${join(folder, 'missing')}`, origin);
  return JSON.parse(text) as typeof config;
}

it.each([
  ['https://api.example:6443', 'https://127.0.0.1:16443/', 'api.example'],
  ['https://api.example/k8s/c1/', 'https://127.0.0.1:16443/k8s/c1', 'api.example'],
  ['https://[2001:db8::1]:6443', 'https://127.0.0.1:16443/', '2001:db8::1'],
  ['https://127.0.0.1:7443', 'https://127.0.0.1:16443/', undefined],
])('sends agents to the relay in the place of %s, and has them judge its name', (server, relay, name) => {
  const { clusters } = copyOf({ server }, server.replace(/\/$/, ''));
  expect(clusters[0]?.cluster).toEqual({ server: relay, ...(name && { 'tls-server-name': name }) });
});

it('keeps a name that is given, other clusters, and credentials; files are found from anywhere', () => {
  const server = 'https://api.example:6443';
  const given = { server, 'tls-server-name': 'real', 'certificate-authority': '/etc/ca.crt' };
  const { clusters, users } = copyOf(given, server);
  expect(clusters[0]?.cluster).toEqual({ ...given, server: 'https://127.0.0.1:16443/' });
  expect(clusters[1]?.cluster).toMatchObject({ server: 'https://elsewhere' });
  expect(users[0]?.user).toEqual({
    'client-certificate': join(folder, 'me.crt'),
    exec: { command: join(folder, 'login') },
  });
});

it('refuses a server behind a proxy, which nodes of a lab can not reach', () => {
  const server = 'https://api.example';
  expect(() => copyOf({ server, 'proxy-url': 'http://proxy' }, server)).toThrow(/proxy; name a context/);
});
