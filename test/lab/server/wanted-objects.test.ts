import { describe, expect, it } from 'vitest';
import { completeObjects } from '../../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../../src/cluster/options.ts';
import { applyDocuments, objectsOf, resolveDocuments } from '../../../src/lab/documents.ts';
import { wantedKey, wantedObjects } from '../../../src/lab/server/wanted-objects.ts';
import { type Manifest, node, pod, service } from '../../e2e/manifests.ts';

const NOW = '2026-01-01T00:00:05.700Z';

function wanted(...batches: readonly (readonly Manifest[])[]) {
  const documents = batches.reduce(
    (list, batch) => applyDocuments(list, batch, NOW),
    applyDocuments([], [], NOW),
  );
  const { objects } = completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS);
  return wantedObjects('mine', resolveDocuments(documents, objects), objects);
}

function metadataOf(content: Readonly<Record<string, unknown>> | undefined) {
  return content?.metadata as Readonly<Record<string, unknown>>;
}

const BASE = [node('one'), pod('web', { node: 'one' }), service('web')];

describe('the objects that a lab wants at an API server', () => {
  it('are all completed ones that agents watch, labelled, what others need first', () => {
    const objects = wanted([...BASE, { kind: 'Deployment', apiVersion: 'apps/v1', metadata: { name: 'd' } }]);
    expect(objects.map(wantedKey)).toEqual([
      'Namespace /default',
      'Node /one',
      'EndpointSlice default/web-ipv4-0',
      'EndpointSlice default/web-ipv6-0',
      'Pod default/web',
      'Service default/web',
    ]);
    for (const { content } of objects)
      expect(metadataOf(content).labels).toMatchObject({ 'lab.weir.dev/name': 'mine' });
    expect(objects.map(({ given }) => given)).toEqual([false, true, false, false, true, true]);
  });

  it('are created from the oldest to the youngest', () => {
    const old = (name: string, second: number) =>
      service(name, {}, { metadata: { name, creationTimestamp: `2026-01-01T00:00:0${second}Z` } });
    const objects = wanted([node('one'), old('b', 1), old('a', 3), old('c', 2), service('d')]);
    const services = objects.filter(({ kind }) => kind.kind === 'Service');
    expect(services.map(({ name }) => name)).toEqual(['b', 'c', 'a', 'd']);
  });

  it('carry nothing that is the server’s, also where a manifest was taken from another cluster', () => {
    const metadata = {
      name: 'web',
      namespace: 'default',
      uid: 'u-1',
      resourceVersion: '7',
      generation: 3,
      managedFields: [],
      ownerReferences: [{ kind: 'Deployment', name: 'd', uid: 'u-2', apiVersion: 'apps/v1' }],
      creationTimestamp: NOW,
    };
    const web = wanted([node('one'), service('web', {}, { metadata })]).find(({ name }) => name === 'web');
    expect(Object.keys(metadataOf(web?.content)).sort()).toEqual([
      'annotations',
      'labels',
      'name',
      'namespace',
    ]);
  });

  it('tell by a digest whether one has to be written again', () => {
    const digests = (list: readonly Manifest[]) =>
      new Map(wanted(list).map((object) => [wantedKey(object), object.digest]));
    const [first, again, other] = [
      BASE,
      BASE,
      [node('one'), pod('web', { node: 'one' }), service('web', { externalIPs: ['198.51.100.1'] })],
    ].map(digests);
    expect(again).toEqual(first);
    const changed = [...(other ?? [])].filter(([key, digest]) => first?.get(key) !== digest);
    expect(changed.map(([key]) => key)).toEqual(['Service default/web']);
  });

  it('wait for their end by a finalizer where the manifest says that they are being deleted', () => {
    const going = pod('web', { node: 'one', metadata: { deletionTimestamp: NOW } });
    const web = wanted([node('one'), going]).find(({ kind }) => kind.kind === 'Pod');
    expect(web?.terminating).toBe(true);
    expect(metadataOf(web?.content)).toMatchObject({ finalizers: ['lab.weir.dev/terminating'] });
    expect(metadataOf(web?.content)).not.toHaveProperty('deletionTimestamp');
  });

  it('show the agents an edit as it stands that their parser refuses', () => {
    const broken = { ...service('web'), spec: { ports: [{ port: 0 }] } };
    const [, ...rest] = wanted(BASE, [broken]).filter(
      ({ kind }) => kind.kind === 'Service' || kind.kind === 'Node',
    );
    expect(rest.map(({ content }) => content.spec)).toEqual([broken.spec]);
  });
});
