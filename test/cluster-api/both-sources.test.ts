/**
 * One lab reads a folder, its twin an API server: the same manifests, changed in the same way, give the same rows on every
 * node, byte for byte, and agents find the same wrong with them. WEIR_LAB_SEEDS (comma-separated) takes other clusters.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generatedCluster } from '../e2e/generated-manifests.ts';
import { type LabCluster, SERVER, useLab } from '../e2e/lab-cluster.ts';
import { client, DUAL_STACK, ingress, type Manifest, node, pod, service, slice } from '../e2e/manifests.ts';

const SEEDS = (process.env.WEIR_LAB_SEEDS ?? '2,5,13,44').split(',').map(Number);
const WALKS = SEEDS.filter((_, index) => index % 2 === 1);
const STEPS = 6;

/** A lab on a folder and its twin on the API server. */
function useTwins(manifests: readonly Manifest[]): readonly [LabCluster, LabCluster] {
  const options = { expectTranslation: false };
  return [useLab(manifests, { ...options, server: null }), useLab(manifests, { ...options, server: SERVER })];
}

/** Every node's rows as text. */
async function rowsOf(lab: LabCluster, nodes: readonly string[]): Promise<readonly string[]> {
  return Promise.all(nodes.map(async (name) => JSON.stringify(await lab.rows(name))));
}

async function expectTwins([folder, server]: readonly [LabCluster, LabCluster], nodes: readonly string[]) {
  const rows = await rowsOf(folder, nodes);
  expect(await rowsOf(server, nodes)).toEqual(rows);
  return rows;
}

function nodesOf(manifests: readonly Manifest[]): readonly string[] {
  return manifests.filter(({ kind }) => kind === 'Node').map((manifest) => metadataOf(manifest).name);
}

function metadataOf({ metadata }: Manifest) {
  return metadata as { readonly name: string; readonly namespace?: string };
}

/** Times of creation are the server's: who comes later is younger, whatever the manifest says. */
function withoutBirth(manifest: Manifest): Manifest {
  const { creationTimestamp: _, ...metadata } = metadataOf(manifest) as Record<string, unknown>;
  return { ...manifest, metadata };
}

function keyOf(manifest: Manifest): string {
  const { name, namespace = '' } = metadataOf(manifest);
  return `${manifest.kind} ${namespace}/${name}`;
}

describe.each(SEEDS)('cluster %i', (seed) => {
  const manifests = generatedCluster(seed);
  const twins = useTwins(manifests);

  it('[A1] [A63] has the same rows from both sources', async () => {
    const rows = await expectTwins(twins, nodesOf(manifests));
    expect(rows.join().length).toBeGreaterThan(1000);
  });
});

describe.each(WALKS)('a walk from cluster %i', (seed) => {
  const start = generatedCluster(seed).map(withoutBirth);
  const twins = useTwins(start);
  // The same names, addresses and ports, put together in another way.
  const others = generatedCluster(seed + 1000)
    .map(withoutBirth)
    .filter(({ kind }) => kind === 'Service' || kind === 'EndpointSlice');

  it('[A1] [A63] has the same rows from both sources after every step', async () => {
    const present = new Map(start.filter(({ kind }) => kind !== 'Node').map((each) => [keyOf(each), each]));
    const seen = new Set<string>();
    for (let step = 0; step < STEPS; step++) {
      const isDeletion = step % 3 === 2;
      const pool = isDeletion ? [...present.values()] : [...others, ...start.slice(-3)];
      const [chosen = []] = fc.sample(fc.subarray(pool, { minLength: 1, maxLength: 3 }), {
        seed: seed * 100 + step,
        numRuns: 1,
      });
      for (const lab of twins) await (isDeletion ? lab.remove(...chosen) : lab.apply(...chosen));
      for (const each of chosen) {
        if (isDeletion) present.delete(keyOf(each));
        else present.set(keyOf(each), each);
      }
      const rows = await expectTwins(twins, nodesOf(start));
      seen.add(rows.join());
    }
    expect(seen.size).toBeGreaterThan(STEPS / 2);
  });
});

describe('objects at the corners', () => {
  const twins = useTwins([
    node('one', { zone: 'a' }),
    node('two', { zone: 'b' }),
    client('asker', 'one'),
    pod('web-1', { node: 'one', labels: { app: 'web' }, ports: [{ containerPort: 8080, hostPort: 9000 }] }),
    pod('web-2', { node: 'two', labels: { app: 'web' }, ports: [{ containerPort: 8080, hostPort: 9000 }] }),
    service('web', {
      type: 'LoadBalancer',
      externalIPs: ['198.51.100.7', '2001:db8:1::7'],
      ports: [{ port: 80, targetPort: 8080, nodePort: 30080 }],
    }),
  ]);
  const nodes = ['one', 'two'];

  /** What only the agents find, which on a folder are control planes too. */
  async function problemsOf(lab: LabCluster, name: string) {
    return (await lab.status(name)).problems.map(
      ({ reason, field, message }) => `${reason} ${field} ${message}`,
    );
  }

  async function applied(...manifests: readonly Manifest[]): Promise<readonly string[]> {
    const before = await rowsOf(twins[0], nodes);
    for (const lab of twins) await lab.apply(...manifests);
    const rows = await expectTwins(twins, nodes);
    for (const name of nodes)
      expect(await problemsOf(twins[1], name)).toEqual(await problemsOf(twins[0], name));
    return rows.filter((text, index) => text !== before[index]);
  }

  it('take load-balancer addresses of the status, which servers take only by itself', async () => {
    const status = ingress('203.0.113.90', '2001:db8:ffff::90');
    const spec = { type: 'LoadBalancer', selector: { app: 'web' } };
    expect(await applied(service('balanced', spec, { status }))).toHaveLength(2);
  });

  it('go without a status, without ports, without a selector', async () => {
    const bare: Manifest = { ...pod('bare', { node: 'one', labels: { app: 'web' } }), status: undefined };
    expect(await applied(bare)).toHaveLength(2);
    await applied(service('headless', { clusterIP: 'None', ports: undefined }));
    await applied(
      service('by-hand', { selector: undefined }),
      slice('by-hand', [{ addresses: ['192.0.2.7'] }]),
    );
  });

  it('have endpoints of a family that the Service lacks', async () => {
    const spec = { selector: undefined, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] };
    const foreign = [{ addresses: ['2001:db8::7'] }];
    await applied(service('single', spec), slice('single', foreign, { addressType: 'IPv6' }));
  });

  it('[A46] terminate', async () => {
    const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
    const leaving = (metadata: object) =>
      pod('web-1', {
        node: 'one',
        labels: { app: 'web' },
        ports: [{ containerPort: 8080, hostPort: 9000 }],
        metadata: { ...metadata },
      });
    expect(await applied(leaving(going))).not.toEqual([]);
    expect(await applied(leaving({}))).not.toEqual([]);
    for (const lab of twins) await lab.remove(leaving({}));
    await expectTwins(twins, nodes);
  });

  it('[A17] are refused for the same reasons, while their last good state stays', async () => {
    const bad = { ...DUAL_STACK, type: 'NodePort', selector: { app: 'web' }, ports: [{ port: 0 }] };
    expect(await applied(service('web', bad))).toEqual([]);
    const reasons = await problemsOf(twins[1], 'one');
    expect(reasons.join('\n')).toMatch(/spec\.ports\[0\]\.port/);
    await applied(slice('by-hand', [{ addresses: ['127.0.0.1'] }, { addresses: ['192.0.2.8'] }]));
    expect((await problemsOf(twins[1], 'two')).join('\n')).toMatch(/127\.0\.0\.1/);
  });
});
