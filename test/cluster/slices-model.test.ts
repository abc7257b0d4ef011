import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import type {
  EndpointSliceObject,
  NodeObject,
  ObjectChange,
  PodObject,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import { nodeObject } from '../objects.ts';
import { anyCluster, anyWalk, follow } from './clusters.ts';

const MANAGER = 'endpointslice.kubernetes.io/managed-by';
const NODES = ['n1', 'n2'].map((name) => nodeObject({ name, labels: {} }));
const ZONE = 'topology.kubernetes.io/zone';

/** Objects of one kind. */
function all<Kind extends WeirObject['kind']>(
  objects: Iterable<WeirObject>,
  kind: Kind,
): readonly Extract<WeirObject, { kind: Kind }>[] {
  return [...objects].filter((object): object is Extract<WeirObject, { kind: Kind }> => object.kind === kind);
}

/** What the endpoint slice controller is documented to publish of a pod, as one text; null: nothing. */
function endpointText(
  service: ServiceObject,
  pod: PodObject,
  family: string,
  nodes: readonly NodeObject[],
): string | null {
  const isSelected = Object.entries(service.selector ?? {}).every(
    ([key, value]) => pod.labels[key] === value,
  );
  const address = pod.addresses.find((each) => each.includes(':') === (family === 'IPv6'));
  const isOver = pod.phase === 'Succeeded' || pod.phase === 'Failed';
  if (pod.namespace !== service.namespace || !isSelected || isOver || address === undefined) return null;
  if (pod.nodeName === null && !service.publishNotReadyAddresses) return null;
  const ports = service.ports.flatMap(({ name, protocol, targetPort }) => {
    const named = pod.ports.find((each) => each.name === targetPort && each.protocol === protocol);
    const port = typeof targetPort === 'number' ? targetPort : named?.port;
    return port === undefined ? [] : [`${name}/${protocol}/${port}`];
  });
  const ready = service.publishNotReadyAddresses || (pod.ready && !pod.deleting);
  const zone = nodes.find(({ name }) => name === pod.nodeName)?.labels[ZONE] ?? null;
  return JSON.stringify([
    family,
    ports,
    address,
    [ready, pod.ready, pod.deleting],
    pod.nodeName,
    zone,
    `${pod.namespace}/${pod.name}`,
  ]);
}

function textsOf(slice: EndpointSliceObject): readonly string[] {
  const ports = slice.ports.map(({ name, protocol, port }) => `${name}/${protocol}/${port}`);
  return slice.endpoints.map(({ addresses, ready, serving, terminating, nodeName, zone, targetPod }) =>
    JSON.stringify([
      slice.addressType,
      ports,
      addresses[0],
      [ready, serving, terminating],
      nodeName,
      zone,
      targetPod,
    ]),
  );
}

describe('slices after any walk', () => {
  it('[A8] [A13] [A16] [A63] say of every Service what a naive model says, each endpoint once, an empty family by one slice', () => {
    let endpoints = 0;
    const property = fc.property(anyCluster, anyWalk, (cluster, walk) => {
      const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
      const objects = new Map<string, WeirObject>();
      const start = [...NODES, ...cluster].map((object): ObjectChange => ({ type: 'set', object }));
      for (const batch of [start, ...walk]) {
        follow(objects, plane.apply(batch).changes);
        const [nodes, pods] = [all(objects.values(), 'Node'), all(objects.values(), 'Pod')];
        const slices = all(objects.values(), 'EndpointSlice');
        for (const service of all(objects.values(), 'Service')) {
          const own = slices.filter((slice) => slice.service === `${service.namespace}/${service.name}`);
          const made = own.filter(({ labels }) => labels[MANAGER] === 'control-plane.weir.dev');
          const isForeign = own.some(({ labels }) => labels[MANAGER]?.endsWith('.k8s.io') === true);
          if (service.selector === null) continue;
          if (isForeign || service.type === 'ExternalName') {
            expect(made).toEqual([]);
            continue;
          }
          const expected = service.ipFamilies.flatMap((family) =>
            pods.flatMap((pod) => endpointText(service, pod, family, nodes) ?? []),
          );
          endpoints += expected.length;
          expect(made.flatMap(textsOf).sort()).toEqual(expected.sort());
          expect(new Set(made.map(({ addressType }) => addressType))).toEqual(new Set(service.ipFamilies));
          const empty = made.filter((slice) => slice.endpoints.length === 0);
          const emptyFamilies = service.ipFamilies.filter(
            (family) => !expected.some((text) => text.startsWith(`["${family}"`)),
          );
          expect(empty.map(({ addressType }) => addressType).sort()).toEqual([...emptyFamilies].sort());
        }
      }
    });
    fc.assert(property, { numRuns: 300 });
    expect(endpoints).toBeGreaterThan(100);
  });
});
