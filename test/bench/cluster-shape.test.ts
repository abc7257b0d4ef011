import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { writeManifests } from './cluster-manifests.ts';
import { clusterChanges, sliceObject } from './cluster-objects.ts';
import { type ClusterShape, endpointsOf, NODE, serviceAddress, targetIndex } from './cluster-shape.ts';
import { kubeProxyIptables } from './shapes/kube-proxy-iptables.ts';
import { kubeProxyNftables } from './shapes/kube-proxy-nftables.ts';

const SHAPE: ClusterShape = { services: 600, endpoints: 3, target: { address: '10.244.1.130', port: 8080 } };
const ENDPOINTS = 599 * 3 + 1;

describe('the benchmark’s cluster', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('gives every Service and endpoint an address of its own', () => {
    const large: ClusterShape = { services: 10_000, endpoints: 10, target: null };
    const indexes = Array.from({ length: large.services }, (_, index) => index);
    expect(new Set(indexes.map(serviceAddress)).size).toBe(10_000);
    expect(
      new Set(indexes.flatMap((index) => endpointsOf(large, index).map(({ address }) => address))).size,
    ).toBe(100_000);
  });

  it('puts the answering pod behind the target, on the node under test, and all others elsewhere', () => {
    const target = sliceObject(SHAPE, targetIndex(SHAPE));
    expect(target.endpoints.map(({ addresses, nodeName }) => [addresses[0], nodeName])).toEqual([
      ['10.244.1.130', NODE],
    ]);
    expect(sliceObject(SHAPE, 0).endpoints.map(({ nodeName }) => nodeName)).not.toContain(NODE);
    expect(sliceObject(SHAPE, 0, 1).endpoints).toHaveLength(2);
  });

  it('holds the same Services and endpoints as objects and as manifests of both formats', () => {
    const objects = clusterChanges(SHAPE, []).flatMap((change) =>
      change.type === 'set' ? [change.object] : [],
    );
    const slices = objects.filter((object) => object.kind === 'EndpointSlice');
    expect(slices.flatMap((slice) => slice.endpoints)).toHaveLength(ENDPOINTS);
    for (const format of ['json', 'yaml'] as const) {
      writeManifests(SHAPE, join(folder, format), format);
      const kinds = readManifests(join(folder, format)).map(({ kind }) => kind);
      for (const kind of ['Service', 'EndpointSlice', 'Node']) {
        expect(kinds.filter((one) => one === kind)).toHaveLength(
          objects.filter((one) => one.kind === kind).length,
        );
      }
    }
  });

  it('writes peers a chain per endpoint, in as many transactions as asked', () => {
    const texts = kubeProxyNftables(SHAPE, 250);
    expect(texts).toHaveLength(3);
    expect(texts.join('\n').match(/^ chain endpoint-/gm)).toHaveLength(ENDPOINTS);
    expect(texts.filter((text) => text.includes('hook prerouting'))).toHaveLength(1);
    expect(kubeProxyIptables(SHAPE).match(/^-A SEP-.*DNAT/gm)).toHaveLength(ENDPOINTS);
  });
});

function readManifests(folder: string): { kind: string }[] {
  return readdirSync(folder).flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8');
    if (file.endsWith('.json')) return (JSON.parse(text) as { items: { kind: string }[] }).items;
    return parseAllDocuments(text).map((document) => document.toJS() as { kind: string });
  });
}
