import { describe, expect, it } from 'vitest';
import { createControlPlane } from '../../src/cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { complete, node, objectsOf, pod } from './completion.ts';

describe('nodes', () => {
  it('get addresses and pod networks by the order of their names', () => {
    const done = complete(node('b') + node('a'));
    expect(done.node('a')).toMatchObject({
      addresses: [
        { type: 'InternalIP', address: '172.31.0.1' },
        { type: 'InternalIP', address: 'fd31::1' },
      ],
      podCidrs: ['10.244.1.0/24', 'fd44:1::/64'],
    });
    expect(done.node('b')).toMatchObject({ podCidrs: ['10.244.2.0/24', 'fd44:2::/64'] });
  });

  it('keep what they have, and others get what is left', () => {
    const explicit = 'addresses: [{type: InternalIP, address: 172.31.0.1}]';
    const done = complete(node('a') + node('z', '', 'podCIDRs: [10.244.2.0/24]', explicit));
    expect(done.node('z')).toMatchObject({
      addresses: [{ address: '172.31.0.1' }],
      podCidrs: ['10.244.2.0/24'],
    });
    expect(done.node('a')).toMatchObject({ podCidrs: ['10.244.3.0/24', 'fd44:3::/64'] });
  });

  it('write the number of a pod network in decimal', () => {
    const nodes = Array.from({ length: 12 }, (_, index) => node(`n${index + 10}`)).join('');
    expect(complete(nodes).node('n21')).toMatchObject({
      addresses: [{ address: '172.31.0.12' }, { address: 'fd31::c' }],
      podCidrs: ['10.244.12.0/24', 'fd44:12::/64'],
    });
  });

  it('are one where none is declared', () => {
    const done = complete(pod('p', ''));
    expect(done.node('node')).toMatchObject({ podCidrs: ['10.244.1.0/24', 'fd44:1::/64'] });
    expect(done.pod('p')?.nodeName).toBe('node');
  });
});

describe('pods', () => {
  it('are spread over the nodes that take pods, and stay where they are when a node comes', () => {
    const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
    const names = Array.from({ length: 40 }, (_, index) => `p${index}`);
    const text =
      node('a') +
      node('b') +
      node('c', '', 'unschedulable: true') +
      names.map((name) => pod(name, '')).join('');
    const first = plane.apply(objectsOf(text).map((object) => ({ type: 'set', object })));
    const counts = new Map<string, number>();
    for (const change of first.changes) {
      if (change.type !== 'set' || change.object.kind !== 'Pod') continue;
      counts.set(change.object.nodeName ?? '', (counts.get(change.object.nodeName ?? '') ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual(['a', 'b']);
    expect(Math.min(...counts.values())).toBeGreaterThan(10);
    const later = plane.apply(
      objectsOf(node('d') + pod('new', '')).map((object) => ({ type: 'set', object })),
    );
    expect(later.changes.map((change) => (change.type === 'set' ? change.object.name : ''))).toEqual([
      'd',
      'new',
    ]);
  });

  it('move when their node goes, unless they named it', () => {
    const plane = createControlPlane(DEFAULT_CLUSTER_OPTIONS);
    const text = node('a') + node('b') + pod('free', 'nodeName: ""') + pod('bound', 'nodeName: a');
    plane.apply(objectsOf(text).map((object) => ({ type: 'set', object })));
    const { changes, problems } = plane.apply([{ type: 'delete', kind: 'Node', namespace: '', name: 'a' }]);
    expect(changes).toContainEqual({ type: 'delete', kind: 'Pod', namespace: 'default', name: 'bound' });
    expect(problems).toMatchObject([
      { reason: 'NodeNotFound', object: { name: 'bound' }, field: 'spec.nodeName' },
    ]);
    const back = plane.apply(objectsOf(node('a')).map((object) => ({ type: 'set', object })));
    expect(back.problems).toEqual([]);
    expect(back.changes).toContainEqual({ type: 'set', object: expect.objectContaining({ name: 'bound' }) });
  });

  it('get an address of each family from the network of their node', () => {
    const done = complete(
      node('a', '', 'podCIDRs: [10.244.9.0/24, "fd44:9::/64"]') + pod('p', 'nodeName: a'),
    );
    const [v4 = '', v6 = ''] = done.pod('p')?.addresses ?? [];
    expect(v4).toMatch(/^10\.244\.9\.\d+$/);
    expect(Number(v4.split('.')[3])).toBeGreaterThanOrEqual(2);
    expect(v6).toMatch(/^fd44:9::[0-9a-f]{1,4}$/);
  });

  it('all get different addresses, never the first two or the last, until none is left', () => {
    const pods = Array.from({ length: 7 }, (_, index) => pod(`p${index}`, 'nodeName: a')).join('');
    const done = complete(node('a', '', 'podCIDRs: [10.244.9.0/29]') + pods);
    const addresses = done.objects
      .flatMap((object) => (object.kind === 'Pod' ? object.addresses : []))
      .sort();
    expect(addresses).toEqual(['10.244.9.2', '10.244.9.3', '10.244.9.4', '10.244.9.5', '10.244.9.6']);
    expect(done.findings()).toEqual([
      'error AddressesExhausted Pod p5 status.podIPs',
      'error AddressesExhausted Pod p6 status.podIPs',
    ]);
  });

  it('leave explicit addresses to those that have them', () => {
    const others = Array.from({ length: 4 }, (_, index) => pod(`p${index}`, 'nodeName: a')).join('');
    const done = complete(
      node('a', '', 'podCIDRs: [10.244.9.0/29]') + others + pod('z', 'nodeName: a', 'podIP: 10.244.9.4'),
    );
    expect(done.problems).toEqual([]);
    expect(done.pod('z')?.addresses).toEqual(['10.244.9.4']);
  });

  it('share the addresses of their node with hostNetwork', () => {
    const done = complete(
      node('a') + pod('h', 'nodeName: a, hostNetwork: true') + pod('i', 'nodeName: a, hostNetwork: true'),
    );
    expect(done.pod('h')?.addresses).toEqual(['172.31.0.1', 'fd31::1']);
    expect(done.pod('i')?.addresses).toEqual(done.pod('h')?.addresses);
    expect(done.problems).toEqual([]);
  });

  it('are absent, with field and remedy, on a node that does not exist', () => {
    const done = complete(node('a') + pod('p', 'nodeName: nowhere') + pod('q', ''));
    expect(done.pod('p')).toBeUndefined();
    expect(done.pod('q')?.nodeName).toBe('a');
    expect(done.problems).toEqual([
      {
        severity: 'error',
        object: { kind: 'Pod', namespace: 'default', name: 'p' },
        field: 'spec.nodeName',
        reason: 'NodeNotFound',
        message: 'there is no node "nowhere"',
        remedy: 'name an existing node, add a Node of that name, or leave spec.nodeName out',
        file: null,
      },
    ]);
  });

  it('[A15] may share an address only with one that is terminating or has ended', () => {
    const shared = (metadata: string, status = '') =>
      complete(
        node('a') +
          pod('old', 'nodeName: a', `podIP: 10.244.1.9${status}`, `labels: {app: web}${metadata}`) +
          pod('young', 'nodeName: a', 'podIP: 10.244.1.9'),
      );
    expect(shared(', deletionTimestamp: "2026-01-01T00:00:00Z"').findings()).toEqual([]);
    expect(shared('', ', phase: Failed').findings()).toEqual([]);
    const clash = shared(', creationTimestamp: "2026-01-01T00:00:00Z"');
    expect(clash.findings()).toEqual(['error DuplicatePodIP Pod young status.podIPs']);
    expect([clash.pod('old')?.name, clash.pod('young')]).toEqual(['old', undefined]);
  });

  it('[A15] may not share an address while they wait for a node either', () => {
    const waiting = (name: string, year: number) =>
      pod(name, '', 'podIP: 10.244.1.9', `creationTimestamp: "${year}-01-01T00:00:00Z"`);
    const done = complete(
      node('a', '', 'unschedulable: true') + waiting('old', 2025) + waiting('young', 2026),
    );
    expect(done.findings()).toEqual(['error DuplicatePodIP Pod young status.podIPs']);
    expect([done.pod('old')?.nodeName, done.pod('young')]).toEqual([null, undefined]);
  });
});

describe('namespaces', () => {
  it('exist where they are used, and carry their name as a label', () => {
    const done = complete(
      `${node('a')}---\n{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: x}}}\n${pod('p', '')}`,
    );
    const namespaces = done.objects.filter(({ kind }) => kind === 'Namespace');
    expect(namespaces.map(({ name, labels }) => [name, labels])).toEqual([
      ['default', { 'kubernetes.io/metadata.name': 'default' }],
      ['shop', { team: 'x', 'kubernetes.io/metadata.name': 'shop' }],
    ]);
  });
});
