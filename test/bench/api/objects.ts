/** The benchmark's cluster as an API server holds it: every field that a controller would fill, so that sizes are real. */
import { nodeOfEndpoint } from '../cluster-objects.ts';
import {
  type ClusterShape,
  endpointsOf,
  NODE,
  NODE_ADDRESS,
  POD_CIDR,
  REMOTE_NODES,
  SERVICE_PORT,
  serviceAddress,
} from '../cluster-shape.ts';

export const NAMESPACE = 'bench';
const PATHS = {
  namespaces: '/api/v1/namespaces',
  nodes: '/api/v1/nodes',
  services: `/api/v1/namespaces/${NAMESPACE}/services`,
  slices: `/apis/discovery.k8s.io/v1/namespaces/${NAMESPACE}/endpointslices`,
};

/** A request to the API server. */
export interface ApiCall {
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body: object;
}

/** Creates the whole cluster, in no order. */
export function creations(shape: ClusterShape): ApiCall[] {
  const indexes = Array.from({ length: shape.services }, (_, index) => index);
  const create = (path: string, body: object): ApiCall => ({ method: 'POST', path, body });
  return [
    create(PATHS.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } }),
    create(PATHS.nodes, node(NODE, NODE_ADDRESS, [POD_CIDR])),
    ...REMOTE_NODES.map(({ name, address }) => create(PATHS.nodes, node(name, address, []))),
    ...indexes.map((index) => create(PATHS.services, service(index))),
    ...indexes.map((index) => create(PATHS.slices, slice(shape, index))),
  ];
}

const TRIGGER = 'endpoints.kubernetes.io/last-change-trigger-time';

/**
 * The change with this number: an endpoint of a slice goes; when every slice has lost one, they come back in the same
 * order, so that no slice changes twice in a moment. The number stands where the controller's trigger time does, as that many milliseconds since the epoch: agents carry it to the end.
 */
export function numberedChange(shape: ClusterShape, number: number): ApiCall {
  const index = (number * 7919) % shape.services;
  const goes = Math.floor(number / shape.services) % 2 === 0;
  const metadata = { annotations: { [TRIGGER]: new Date(number).toISOString() } };
  const endpoints = sliceEndpoints(shape, index).slice(goes ? 1 : 0);
  return { method: 'PATCH', path: `${PATHS.slices}/${sliceName(index)}`, body: { metadata, endpoints } };
}

/** The number of the change that made an object what it is; null: none did. */
export function changeNumber(annotations: Readonly<Record<string, string>>): number | null {
  const time = annotations[TRIGGER];
  return time === undefined ? null : Date.parse(time);
}

function node(name: string, address: string, podCIDRs: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'topology.kubernetes.io/zone': zoneOf(name), 'kubernetes.io/hostname': name },
    },
    spec: { podCIDRs },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

function service(index: number): object {
  const clusterIP = serviceAddress(index);
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: {
      name: `service-${index}`,
      namespace: NAMESPACE,
      labels: { app: `service-${index}`, 'app.kubernetes.io/managed-by': 'bench' },
    },
    spec: {
      type: 'ClusterIP',
      selector: { app: `service-${index}` },
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ['IPv4'],
      ipFamilyPolicy: 'SingleStack',
      ports: [{ name: 'http', port: SERVICE_PORT, targetPort: 'http', protocol: 'TCP' }],
    },
  };
}

function slice(shape: ClusterShape, index: number): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: sliceName(index),
      generateName: `service-${index}-`,
      namespace: NAMESPACE,
      labels: {
        'kubernetes.io/service-name': `service-${index}`,
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          name: `service-${index}`,
          uid: uid(index),
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', protocol: 'TCP', port: endpointsOf(shape, index)[0]?.port }],
    endpoints: sliceEndpoints(shape, index),
  };
}

function sliceEndpoints(shape: ClusterShape, index: number): object[] {
  return endpointsOf(shape, index).map(({ address }, endpoint) => {
    const nodeName = nodeOfEndpoint(shape, index, endpoint);
    return {
      addresses: [address],
      conditions: { ready: true, serving: true, terminating: false },
      nodeName,
      zone: zoneOf(nodeName),
      targetRef: {
        kind: 'Pod',
        namespace: NAMESPACE,
        name: `service-${index}-6d4cf56db6-${endpoint}`,
        uid: uid(index * shape.endpoints + endpoint),
      },
    };
  });
}

function sliceName(index: number): string {
  return `service-${index}-slice`;
}

function zoneOf(nodeName: string): string {
  return `zone-${nodeName.length % 3}`;
}

function uid(number: number): string {
  return `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
}
