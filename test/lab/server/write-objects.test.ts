import { beforeEach, describe, expect, it } from 'vitest';
import { completeObjects } from '../../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../../src/cluster/options.ts';
import { applyDocuments, objectsOf, resolveDocuments } from '../../../src/lab/documents.ts';
import type { ApiClient } from '../../../src/lab/server/api-client.ts';
import { wantedObjects } from '../../../src/lab/server/wanted-objects.ts';
import { writeObjects } from '../../../src/lab/server/write-objects.ts';
import { ingress, type Manifest, node, pod, service } from '../../e2e/manifests.ts';
import { createStrictServer, type StrictServer } from './strict-server.ts';

const POD = '/api/v1/namespaces/default/pods/web';
const SERVICE = '/api/v1/namespaces/default/services/web';

let server: StrictServer;
beforeEach(() => {
  server = createStrictServer();
});

/** Makes the server hold these manifests; what it changed there. */
async function write(manifests: readonly Manifest[], client = server.client) {
  server.changes.length = 0;
  const documents = applyDocuments([], manifests, '2026-01-01T00:00:00Z');
  const { objects } = completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS);
  const wanted = wantedObjects('mine', resolveDocuments(documents, objects), objects);
  const result = await writeObjects(client, 'mine', wanted);
  return { ...result, changes: [...server.changes] };
}

function versionOf(path: string): unknown {
  const metadata = server.objects.get(path)?.metadata as { readonly resourceVersion: string } | undefined;
  return metadata?.resourceVersion;
}

describe('writing a lab’s objects to an API server', () => {
  it('creates them with their status, and names the versions that they then have', async () => {
    const { versions } = await write([node('one'), pod('web', { node: 'one' })]);
    expect(server.objects.get(POD)?.status).toMatchObject({ phase: 'Running' });
    const reference = { kind: 'Pod', namespace: 'default', name: 'web' };
    expect(versions).toContainEqual({ ...reference, resourceVersion: versionOf(POD) });
  });

  it('changes what is different, status too, and deletes what is no longer wanted', async () => {
    const base = [node('one'), pod('web', { node: 'one' })];
    await write([...base, service('web')]);
    expect((await write([...base, service('web')])).changes).toEqual([]);
    const balanced = service('web', { type: 'LoadBalancer' }, { status: ingress('203.0.113.9') });
    const { changes } = await write([...base, balanced]);
    expect(changes).toEqual([`PUT ${SERVICE}`, `PUT ${SERVICE}/status`]);
    expect(server.objects.get(SERVICE)?.status).toMatchObject({
      loadBalancer: { ingress: [{ ip: '203.0.113.9' }] },
    });
    const { versions } = await write([...base]);
    expect(server.objects.has(SERVICE)).toBe(false);
    const gone = { kind: 'Service', namespace: 'default', name: 'web', resourceVersion: null };
    expect(versions).toContainEqual(gone);
  });

  it('tries again where another client wrote in between', async () => {
    await write([node('one'), service('web')]);
    let meddled = false;
    server.before = (method, path) => {
      const object = server.objects.get(SERVICE);
      if (meddled || method !== 'PUT' || path !== SERVICE || object === undefined) return;
      meddled = true;
      server.objects.set(SERVICE, {
        ...object,
        metadata: { ...(object.metadata as object), resourceVersion: '999' },
      });
    };
    const { problems } = await write([node('one'), service('web', { externalIPs: ['198.51.100.1'] })]);
    expect([meddled, problems]).toEqual([true, []]);
    expect(server.objects.get(SERVICE)?.spec).toMatchObject({ externalIPs: ['198.51.100.1'] });
  });

  it('makes anew what can not be changed', async () => {
    await write([node('one'), node('two'), pod('web', { node: 'one' })]);
    await write([node('one'), node('two'), pod('web', { node: 'two' })]);
    expect(server.objects.get(POD)?.spec).toMatchObject({ nodeName: 'two' });
  });

  it('keeps the state of before where the server refuses the new one, and goes on', async () => {
    await write([node('one'), service('web')]);
    const broken = { ...service('web'), spec: { ports: [{ port: 0 }] } };
    const { problems } = await write([node('one'), broken, service('next')]);
    expect(problems).toMatchObject([{ reason: 'RefusedByServer', object: { kind: 'Service', name: 'web' } }]);
    expect(problems[0]?.message).toContain('spec.ports[0].port: Invalid value');
    expect(server.objects.has(SERVICE)).toBe(true);
    expect(server.objects.has(SERVICE.replace('web', 'next'))).toBe(true);
  });

  it('keeps a terminating object until it is wanted no more, and makes it anew when it lives again', async () => {
    const living = pod('web', { node: 'one' });
    const going = pod('web', { node: 'one', metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } });
    await write([node('one'), living]);
    await write([node('one'), going]);
    expect(server.objects.get(POD)?.metadata).toHaveProperty('deletionTimestamp');
    expect((await write([node('one'), going])).changes).toEqual([]);
    await write([node('one'), living]);
    expect(server.objects.get(POD)?.metadata).not.toHaveProperty('deletionTimestamp');
    await write([node('one'), going]);
    await write([node('one')]);
    expect(server.objects.has(POD)).toBe(false);
  });

  it('tells which object is of a kind that the server does not have, and goes on', async () => {
    const send = server.client.send.bind(server.client);
    const lacking: ApiClient = {
      ...server.client,
      send: async (method, path, body) =>
        path.includes('/servicecidrs') ? { status: 404, body: {} } : send(method, path, body),
    };
    const metadata = { name: 'more' };
    const more = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'ServiceCIDR',
      metadata,
      spec: { cidrs: ['10.97.0.0/24'] },
    };
    const { problems } = await write([node('one'), more, service('web')], lacking);
    expect(problems).toMatchObject([{ reason: 'NotServed', object: { kind: 'ServiceCIDR', name: 'more' } }]);
    expect(server.objects.has(SERVICE)).toBe(true);
  });

  it('leaves the same name alone where it is not of this lab', async () => {
    const foreign = { metadata: { name: 'web', resourceVersion: '1' }, spec: { note: 'foreign' } };
    server.objects.set(SERVICE, foreign);
    const { problems } = await write([node('one'), service('web')]);
    expect(problems.map(({ reason }) => reason)).toEqual(['NotOfThisLab']);
    await write([]);
    expect(server.objects.get(SERVICE)).toBe(foreign);
  });
});
