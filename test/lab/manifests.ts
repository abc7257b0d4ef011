/** A small cluster for the lab's own tests: two nodes, addresses partly given and partly left to the lab. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

type Raw = Readonly<Record<string, unknown>>;

export interface PodOptions {
  readonly node?: string;
  readonly ports?: readonly (readonly [number, string?])[];
  readonly hostNetwork?: boolean;
  readonly ips?: readonly string[];
}

/** The ports that a pod of these tests serves unless told otherwise. */
export const USUAL_PORTS: readonly (readonly [number, string?])[] = [[80], [53, 'UDP'], [99, 'SCTP']];

export function nodeManifest(name: string, addresses: readonly string[] = []): Raw {
  const status = { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) };
  return { apiVersion: 'v1', kind: 'Node', metadata: { name }, status };
}

export function podManifest(name: string, options: PodOptions = {}): Raw {
  const { node, ports = USUAL_PORTS, hostNetwork = false, ips = [] } = options;
  const containers = [
    {
      name: 'main',
      ports: ports.map(([containerPort, protocol = 'TCP']) => ({ containerPort, protocol })),
    },
  ];
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'shop' },
    spec: { containers, ...(node === undefined ? {} : { nodeName: node }), hostNetwork },
    ...(ips.length === 0 ? {} : { status: { podIPs: ips.map((ip) => ({ ip })) } }),
  };
}

/** Two nodes, a pod on each, and one in the network of the second. */
export const TWO_NODES: readonly Raw[] = [
  nodeManifest('north'),
  nodeManifest('south', ['192.168.7.9', 'fd99::9']),
  podManifest('web', { node: 'north' }),
  podManifest('cart', { node: 'north' }),
  podManifest('stock', { node: 'south', ips: ['10.250.0.7', 'fd55::7'] }),
  podManifest('exporter', { node: 'south', hostNetwork: true, ports: [[9100], [99, 'SCTP']] }),
];

/** A folder of manifests that is removed at the end. */
export interface ManifestFolder {
  readonly path: string;
  /** Writes a file of documents; returns its path. */
  write(name: string, documents: readonly Raw[]): string;
  remove(): void;
}

export function manifestFolder(): ManifestFolder {
  const path = mkdtempSync(join(tmpdir(), 'weir-lab-test-'));
  mkdirSync(path, { recursive: true });
  return {
    path,
    write(name, documents) {
      const file = join(path, `${name}.json`);
      writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: documents }));
      return file;
    },
    remove: () => rmSync(path, { recursive: true, force: true }),
  };
}
