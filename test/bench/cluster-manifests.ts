/** A cluster shape as a folder of ordinary manifests, for measuring a start that has to read and check them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { nodeOfEndpoint } from './cluster-objects.ts';
import {
  type ClusterShape,
  endpointsOf,
  NODE,
  NODE_ADDRESS,
  POD_CIDR,
  REMOTE_NODES,
  SERVICE_PORT,
  serviceAddress,
} from './cluster-shape.ts';

const NAMESPACE = 'bench';
const SERVICES_PER_FILE = 500;

/** `json`: files that hold a List each; `yaml`: files of many documents, as people write them. */
export type ManifestFormat = 'json' | 'yaml';

/** Writes the manifests of the whole cluster into `folder`, which is made where missing. */
export function writeManifests(shape: ClusterShape, folder: string, format: ManifestFormat): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, objects: readonly object[]): void =>
    writeFileSync(
      join(folder, `${name}.${format}`),
      format === 'json' ? jsonList(objects) : yamlDocuments(objects),
    );
  write('cluster', [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } },
    node(NODE, NODE_ADDRESS, [POD_CIDR]),
    ...REMOTE_NODES.map(({ name, address }) => node(name, address, [])),
  ]);
  for (let first = 0; first < shape.services; first += SERVICES_PER_FILE) {
    const count = Math.min(SERVICES_PER_FILE, shape.services - first);
    const indexes = Array.from({ length: count }, (_, offset) => first + offset);
    write(
      `services-${first}`,
      indexes.flatMap((index) => [service(index), slice(shape, index)]),
    );
  }
}

function node(name: string, address: string, podCIDRs: readonly string[]): object {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name },
    spec: { podCIDRs },
    status: { addresses: [{ type: 'InternalIP', address }] },
  };
}

function service(index: number): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${index}`, namespace: NAMESPACE },
    spec: { clusterIP: serviceAddress(index), ports: [{ port: SERVICE_PORT }] },
  };
}

function slice(shape: ClusterShape, index: number): object {
  const endpoints = endpointsOf(shape, index);
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: `service-${index}-slice`,
      namespace: NAMESPACE,
      labels: { 'kubernetes.io/service-name': `service-${index}` },
    },
    addressType: 'IPv4',
    ports: [{ name: '', protocol: 'TCP', port: endpoints[0]?.port }],
    endpoints: endpoints.map(({ address }, endpoint) => ({
      addresses: [address],
      conditions: { ready: true },
      nodeName: nodeOfEndpoint(shape, index, endpoint),
    })),
  };
}

function jsonList(objects: readonly object[]): string {
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
}

function yamlDocuments(objects: readonly object[]): string {
  return objects.map((object) => stringify(object)).join('---\n');
}
