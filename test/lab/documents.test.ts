import { describe, expect, it } from 'vitest';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import {
  applyDocuments,
  deleteDocuments,
  documentKey,
  type LabDocument,
  manifestText,
  objectsOf,
  resolveDocuments,
} from '../../src/lab/documents.ts';
import { nodeManifest, podManifest, TWO_NODES } from './manifests.ts';

type Raw = Readonly<Record<string, unknown>>;

const SERVICE = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'shop' },
  spec: { type: 'NodePort', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] },
};

function settle(documents: readonly LabDocument[]): readonly LabDocument[] {
  return resolveDocuments(documents, completeObjects(objectsOf(documents), DEFAULT_CLUSTER_OPTIONS).objects);
}

function resolvedOf(documents: readonly LabDocument[], key: string): Raw {
  return documents.find((document) => document.key === key)?.resolved ?? {};
}

describe('documents of a lab', () => {
  const documents = settle(applyDocuments([], [...TWO_NODES, SERVICE]));

  it('get what the control plane assigns', () => {
    const { spec } = resolvedOf(documents, 'Service shop/web') as { spec: Raw };
    expect(spec.clusterIP).toMatch(/^10\.96\./);
    expect(spec.ports).toEqual([{ name: 'http', port: 80, nodePort: expect.any(Number) }]);
    const pod = resolvedOf(documents, 'Pod shop/web') as { status: Raw };
    expect(pod.status.podIPs).toHaveLength(2);
    const node = resolvedOf(documents, 'Node /north') as { status: Raw; spec: Raw };
    expect(node.status.addresses).toHaveLength(2);
    expect(node.spec.podCIDRs).toHaveLength(2);
  });

  it('keep what they say themselves', () => {
    const pod = resolvedOf(documents, 'Pod shop/stock') as { status: Raw };
    expect(pod.status.podIPs).toEqual([{ ip: '10.250.0.7' }, { ip: 'fd55::7' }]);
  });

  it('keep what was assigned when others come and they change themselves', () => {
    const changed = { ...SERVICE, spec: { ...SERVICE.spec, selector: { app: 'shop' } } };
    const later = settle(
      applyDocuments(documents, [
        nodeManifest('alpha'),
        podManifest('aaa', { node: 'north' }),
        podManifest('web', { ports: [[81]] }),
        changed,
      ]),
    );
    for (const key of ['Node /north', 'Node /south']) {
      expect(resolvedOf(later, key)).toEqual(resolvedOf(documents, key));
    }
    const [before, after] = [documents, later].map(
      (each) => resolvedOf(each, 'Pod shop/web') as { status: Raw; spec: Raw },
    );
    expect(after?.status).toEqual(before?.status);
    expect(after?.spec.nodeName).toBe('north');
    const specs = [documents, later].map(
      (each) => (resolvedOf(each, 'Service shop/web') as { spec: Raw }).spec,
    );
    expect(specs[1]?.clusterIPs).toEqual(specs[0]?.clusterIPs);
    expect(specs[1]?.ports).toEqual(specs[0]?.ports);
    expect(specs[1]?.selector).toEqual({ app: 'shop' });
  });

  it('give a pod that moves another address', () => {
    const later = settle(applyDocuments(documents, [podManifest('web', { node: 'south' })]));
    const [before, after] = [documents, later].map(
      (each) => (resolvedOf(each, 'Pod shop/web') as { status: Raw }).status.podIPs,
    );
    expect(after).not.toEqual(before);
    expect(after).toHaveLength(2);
  });

  it('go by kind, namespace and name', () => {
    const later = deleteDocuments(documents, [{ kind: 'Pod', metadata: { name: 'web', namespace: 'shop' } }]);
    expect(later).toHaveLength(documents.length - 1);
    expect(documentKey({ kind: 'Node', metadata: { name: 'a', namespace: 'x' } })).toBe('Node /a');
    expect(documentKey({ kind: 'Pod', metadata: { name: 'a' } })).toBe('Pod default/a');
  });

  it('keep the last good state of what is refused, and show the agents what is wrong', () => {
    const bad = { ...SERVICE, spec: { ports: [{ port: 99999 }] } };
    const later = applyDocuments(documents, [bad]);
    expect(objectsOf(later)).toEqual(objectsOf(documents));
    expect(manifestText(later)).toContain('99999');
    expect(manifestText(applyDocuments(later, [SERVICE]))).not.toContain('99999');
  });

  it('hold a node where the manifests have none', () => {
    const made = settle(applyDocuments([], [podManifest('web')]));
    expect(made.map(({ key }) => key)).toEqual(['Pod shop/web', 'Node /node']);
    expect((resolvedOf(made, 'Pod shop/web') as { spec: Raw }).spec.nodeName).toBe('node');
  });
});
