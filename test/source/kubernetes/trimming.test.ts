import { describe, expect, it } from 'vitest';
import type { Address } from '../../../src/model/address.ts';
import type { NodeName, Port } from '../../../src/model/names.ts';
import type { ContainerPort, PodObject } from '../../../src/model/objects.ts';
import { trimmed } from '../../../src/source/kubernetes/trimming.ts';
import { namespaceObject, nodeObject, podObject, serviceObject } from '../../objects.ts';

const HERE = 'here' as NodeName;

function containerPort(name: string, port: number): ContainerPort {
  const hostIp = '192.0.2.1' as Address;
  return { name, port: port as Port, protocol: 'UDP', hostPort: port as Port, hostIp };
}

function pod(nodeName: string | null): PodObject {
  return podObject({
    namespace: 'shop',
    name: 'web-1',
    uid: 'some-uid',
    labels: { app: 'web' },
    annotations: { note: 'long', 'weir.dev/weight': '5', 'weir.dev/socket-lb': 'off' },
    createdAtMs: 7,
    deleting: true,
    nodeName: nodeName as NodeName | null,
    hostNetwork: true,
    hostname: 'web',
    subdomain: 'all',
    phase: 'Pending',
    ready: false,
    addresses: ['10.244.1.2' as Address],
    ports: [containerPort('dns', 53), containerPort('', 54)],
  });
}

describe('what is kept of an object', () => {
  it('[E14] of a pod of this node is everything but others’ annotations', () => {
    expect(trimmed(pod('here'), HERE)).toEqual({
      ...pod('here'),
      annotations: { 'weir.dev/weight': '5', 'weir.dev/socket-lb': 'off' },
    });
  });

  it.each([['there'], [null]])(
    '[E14] of a pod of node %s is what policies, addresses and weights ask: labels, named ports, phase, node',
    (nodeName) => {
      expect(trimmed(pod(nodeName), HERE)).toEqual(
        podObject({
          namespace: 'shop',
          name: 'web-1',
          labels: { app: 'web' },
          annotations: { 'weir.dev/weight': '5' },
          deleting: true,
          nodeName: nodeName as NodeName | null,
          hostNetwork: true,
          phase: 'Pending',
          ready: false,
          addresses: ['10.244.1.2' as Address],
          ports: [{ name: 'dns', port: 53 as Port, protocol: 'UDP', hostPort: null, hostIp: null }],
        }),
      );
    },
  );

  it('of Services is every annotation but kubectl’s copy of the manifest; of Nodes and Namespaces our own', () => {
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'kept' };
    const own = { 'weir.dev/socket-lb': 'on' };
    expect(trimmed(serviceObject({ name: 'web', annotations }), HERE)).toEqual(
      serviceObject({ name: 'web', annotations: { note: 'kept' } }),
    );
    expect(trimmed(nodeObject({ name: 'here', annotations }), HERE)).toEqual(nodeObject({ name: 'here' }));
    expect(trimmed(namespaceObject({ name: 'shop', annotations: { ...annotations, ...own } }), HERE)).toEqual(
      namespaceObject({ name: 'shop', annotations: own }),
    );
  });
});
