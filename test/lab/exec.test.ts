import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { labApply, labDown, labExec } from '../../src/lab/lab.ts';
import { podManifest } from './manifests.ts';
import { folder, leftovers, NAME, up } from './running-lab.ts';

const DNS = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'kube-dns', namespace: 'kube-system' },
  spec: { clusterIP: '10.96.0.10', ports: [{ port: 53, protocol: 'UDP' }] },
};
const CACHE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'cache-db', namespace: 'shop' },
  spec: { clusterIP: '10.96.0.70', ports: [{ name: 'main', port: 6379 }] },
};

/** What `script` prints as `who`; throws unless it ends with 0. */
async function printed(who: string, script: string): Promise<string> {
  const file = `${folder.path}/printed`;
  expect(await labExec({ name: NAME, who, argv: ['sh', '-c', `{ ${script}; } > ${file}`] })).toBe(0);
  return readFileSync(file, 'utf8');
}

afterAll(() => folder.remove());

describe('a command in a pod of a running lab', () => {
  beforeAll(async () => {
    await up();
    const late = podManifest('late', { node: 'north' });
    const spec = { ...(late.spec as object), hostAliases: [{ ip: '192.0.2.9', hostnames: ['ledger'] }] };
    await labApply({ name: NAME, paths: [folder.write('more', [DNS, CACHE, { ...late, spec }])] });
  });
  afterAll(async () => {
    await labDown({ name: NAME });
    expect(leftovers()).toEqual([]);
  });

  it('[A67] has the variables of Services older than the pod, beside its own environment', async () => {
    const late = await printed('shop/late', 'env');
    expect(late).toMatch(/^CACHE_DB_SERVICE_HOST=10\.96\.0\.70$/m);
    expect(late).toMatch(/^CACHE_DB_SERVICE_PORT_MAIN=6379$/m);
    expect(late).toMatch(/^CACHE_DB_PORT=tcp:\/\/10\.96\.0\.70:6379$/m);
    expect(late).toMatch(/^PATH=/m);
    // This pod was there before the Service.
    expect(await printed('shop/web', 'env')).not.toContain('CACHE_DB');
    expect(await printed('node/north', 'env')).not.toContain('CACHE_DB');
  });

  it('[B10] sees its own /etc/hosts and /etc/resolv.conf, and nobody else does', async () => {
    const files = ['/etc/hosts', '/etc/resolv.conf'];
    const before = files.map((path) => readFileSync(path, 'utf8'));
    const etcMounts = () =>
      readFileSync('/proc/self/mounts', 'utf8')
        .split('\n')
        .filter((line) => line.includes(' /etc/'));
    const mounted = etcMounts();
    expect(await printed('shop/late', 'getent -s files hosts ledger')).toMatch(/^192\.0\.2\.9\s+ledger$/m);
    expect(await printed('shop/late', 'cat /etc/resolv.conf')).toMatch(
      /^search shop\.svc\.cluster\.local svc\.cluster\.local cluster\.local.*\nnameserver 10\.96\.0\.10\noptions ndots:5\n$/,
    );
    expect(await printed('shop/web', 'cat /etc/hosts')).toMatch(/^10\.244\.1\.\d+\tweb$/m);
    expect(await printed('shop/exporter', 'cat /etc/hosts')).toContain('(host network)');
    expect(await printed('node/north', 'cat /etc/hosts')).toBe(before[0]);
    expect(files.map((path) => readFileSync(path, 'utf8'))).toEqual(before);
    expect(etcMounts()).toEqual(mounted);
  });

  it('is passed its arguments as they are', async () => {
    const file = `${folder.path}/arguments`;
    const argv = ['sh', '-c', `printf '%s|' "$@" > ${file}`, 'sh', 'a b', "it's", '$HOME', ''];
    expect(await labExec({ name: NAME, who: 'shop/web', argv })).toBe(0);
    expect(readFileSync(file, 'utf8')).toBe("a b|it's|$HOME||");
  });
});
