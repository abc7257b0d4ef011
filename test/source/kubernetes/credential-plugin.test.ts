import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCredentialPlugin } from '../../../src/source/kubernetes/credential-plugin.ts';

let folder: string;
let nowMs: number;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-plugin-'));
  nowMs = Date.parse('2026-01-01T00:00:00Z');
});

afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** A plugin that counts its runs in a file and answers with its count, until the given time. */
function counting(until: string | null, more: Readonly<Record<string, unknown>> = {}) {
  const expiry = until === null ? '' : `,"expirationTimestamp":"${until}"`;
  const script = `#!/bin/sh
echo run >> ${folder}/runs
printf '%s' "$KUBERNETES_EXEC_INFO" > ${folder}/info
printf '{"status":{"token":"%s-%s"${expiry}}}' "$NAME" "$(wc -l < ${folder}/runs | tr -d ' ')"
`;
  writeFileSync(join(folder, 'plugin'), script, { mode: 0o755 });
  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: './plugin', ...more };
  return create({ ...exec, env: [{ name: 'NAME', value: 'token' }] });
}

function create(exec: unknown) {
  return createCredentialPlugin({
    exec,
    file: join(folder, 'kubeconfig'),
    cluster: () => ({ server: 'https://api' }),
    environment: process.env,
    wallMs: () => nowMs,
  });
}

const token = async (plugin: ReturnType<typeof create>) => (await plugin.credentials()).token;

describe('a credential plugin', () => {
  it('is run once for all who ask, and again shortly before its token is over', async () => {
    const plugin = counting('2026-01-01T01:00:00Z');
    expect(await Promise.all([token(plugin), token(plugin), token(plugin)])).toEqual(
      Array(3).fill('token-1'),
    );
    nowMs += 3_590_000;
    expect(await token(plugin)).toBe('token-1');
    nowMs += 6000;
    expect(await Promise.all([token(plugin), token(plugin)])).toEqual(['token-2', 'token-2']);
  });

  it('keeps a token without an end', async () => {
    const plugin = counting(null);
    expect(await token(plugin)).toBe('token-1');
    nowMs += 1e12;
    expect(await token(plugin)).toBe('token-1');
  });

  it('is told that nobody can be asked, and of the cluster where it wants to know', async () => {
    await counting(null, { provideClusterInfo: true }).credentials();
    expect(JSON.parse(readFileSync(join(folder, 'info'), 'utf8'))).toEqual({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      spec: { interactive: false, cluster: { server: 'https://api' } },
    });
    await counting(null).credentials();
    expect(readFileSync(join(folder, 'info'), 'utf8')).not.toContain('https://api');
  });

  it.each([
    [
      'is missing',
      { command: 'weir-no-such-plugin', installHint: 'install it\nfrom here' },
      /^credential plugin "weir-no-such-plugin": there is no such command; run it by hand.* \(install it from here\)$/,
    ],
    [
      'fails',
      { command: 'sh', args: ['-c', 'echo "no session,\nlog in" >&2; exit 3'] },
      /^credential plugin "sh": exit code 3: no session, log in; run it by hand/,
    ],
    ['says nothing', { command: 'true' }, /^credential plugin "true": it printed no ExecCredential/],
    ['says nonsense', { command: 'echo', args: ['hello'] }, /printed no ExecCredential/],
  ])('that %s is told in one line with its command', async (_, exec, message) => {
    await expect(create(exec).credentials()).rejects.toThrow(message);
  });

  it('is run again after it failed', async () => {
    const plugin = create({ command: './late' });
    await expect(plugin.credentials()).rejects.toThrow('no such command');
    writeFileSync(join(folder, 'late'), '#!/bin/sh\necho \'{"status":{"token":"t"}}\'', { mode: 0o755 });
    expect(await token(plugin)).toBe('t');
  });

  it('needs a command', () => {
    expect(() => create({})).toThrow(/exec names no command/);
  });
});
