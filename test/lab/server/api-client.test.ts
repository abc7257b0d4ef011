import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openApiClient } from '../../../src/lab/server/api-client.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-client-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

it.each([
  [
    'is away',
    { token: 't' },
    /^https:\/\/127\.0\.0\.1:1: no connection \(.*ECONNREFUSED.*\); check that the server runs/,
  ],
  [
    'can not be asked with these credentials',
    { 'client-certificate-data': 'eHg=', 'client-key-data': 'eHg=' },
    /: a certificate or key can't be read .*: the client certificate of user "u" in kubeconfig \S+\/k/,
  ],
])('a server that %s is told as an agent tells it', async (_, user, message) => {
  const kubeconfig = join(folder, 'k');
  const content = {
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:1' } }],
    users: [{ name: 'u', user }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  };
  writeFileSync(kubeconfig, JSON.stringify(content));
  const client = await openApiClient({ kubeconfig, context: null });
  await expect(client.send('GET', '/api/v1/services')).rejects.toThrow(message);
  client.close();
});
