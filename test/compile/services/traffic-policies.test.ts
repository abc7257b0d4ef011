import { describe, expect, it } from 'vitest';
import type { Port } from '../../../src/model/names.ts';
import type { ServiceObject, SliceEndpoint, TrafficPolicy } from '../../../src/model/objects.ts';
import { compile, frontends, rowsOf, targets } from './sample-cluster.ts';
import {
  DRAINING,
  endpoint,
  ip,
  NOT_READY,
  REMOTE,
  service,
  servicePort,
  slice,
  vip,
} from './sample-objects.ts';

const FAMILIES = [
  {
    family: 'IPv4',
    cluster: '10.96.0.10',
    lb: '192.0.2.1',
    external: '198.51.100.1',
    a: '10.244.1.1',
    b: '10.244.2.1',
  },
  {
    family: 'IPv6',
    cluster: 'fd96::10',
    lb: '2001:db8::1',
    external: '2001:db8::2',
    a: 'fd44:1::1',
    b: 'fd44:2::1',
  },
] as const;

describe.each(FAMILIES)('traffic policies over $family', ({ family, cluster, lb, external, a, b }) => {
  const id = `shop/web:/TCP/${family}`;
  const everyType = (internal: TrafficPolicy, externally: TrafficPolicy): ServiceObject =>
    service('web', [cluster], {
      type: 'LoadBalancer',
      ports: [servicePort(80, { nodePort: 30080 as Port })],
      loadBalancerIngress: [vip(lb)],
      externalIps: [ip(external)],
      internalTrafficPolicy: internal,
      externalTrafficPolicy: externally,
    });
  const compiled = (
    internal: TrafficPolicy,
    externally: TrafficPolicy,
    endpoints: readonly SliceEndpoint[],
  ) => rowsOf(compile([everyType(internal, externally), slice('web', endpoints)]).rows, id);
  const treatments = (
    internal: TrafficPolicy,
    externally: TrafficPolicy,
    endpoints: readonly SliceEndpoint[],
  ) =>
    frontends(compiled(internal, externally, endpoints)).map((text) => {
      const words = text.split(' ');
      return `${words[0]} ${words[2]}`;
    });
  const local = endpoint(a);
  const remote = endpoint(b, REMOTE);

  it('[A42] [A45] Cluster and Cluster: every endpoint, from everywhere', () => {
    expect(treatments('Cluster', 'Cluster', [local, remote])).toEqual([
      'clusterIP cluster/pass/pass',
      'loadBalancerIP cluster/cluster/pass',
      'externalIP cluster/cluster/pass',
      'nodePort cluster/cluster/cluster',
    ]);
  });

  it('[A41] [A45] internal Local: only the cluster IP keeps to this node', () => {
    expect(treatments('Local', 'Cluster', [local, remote])).toEqual([
      'clusterIP local/pass/pass',
      'loadBalancerIP cluster/cluster/pass',
      'externalIP cluster/cluster/pass',
      'nodePort cluster/cluster/cluster',
    ]);
  });

  it('[A43] [A44] [A45] external Local: the outside keeps to this node, the inside uses every endpoint', () => {
    expect(treatments('Cluster', 'Local', [local, remote])).toEqual([
      'clusterIP cluster/pass/pass',
      'loadBalancerIP cluster/local/pass',
      'externalIP cluster/local/pass',
      'nodePort cluster/local/pass',
    ]);
    const row = compiled('Cluster', 'Local', [local, remote]);
    expect(targets(row.local)).toEqual(targets([...row.cluster].slice(0, 1)));
    expect(row.excluded).toMatchObject([{ list: 'local', why: 'other-node' }]);
  });

  it('[A41] [A43] [A45] Local and Local without an endpoint here: dropped, never sent elsewhere', () => {
    expect(treatments('Local', 'Local', [remote])).toEqual([
      'clusterIP drop/pass/pass',
      'loadBalancerIP cluster/drop/pass',
      'externalIP cluster/drop/pass',
      'nodePort cluster/drop/pass',
    ]);
  });

  it.each<[TrafficPolicy, TrafficPolicy]>([
    ['Cluster', 'Cluster'],
    ['Local', 'Local'],
  ])('[A17] no endpoint anywhere: refused at once under %s and %s', (internal, externally) => {
    const elsewhere = externally === 'Cluster' ? 'reject' : 'pass';
    for (const endpoints of [[], [endpoint(a, NOT_READY), endpoint(b, { ...REMOTE, ...NOT_READY })]]) {
      const v6 = family === 'IPv6';
      const empty = slice('web', endpoints, { addressType: v6 ? 'IPv6' : 'IPv4' });
      const row = rowsOf(compile([everyType(internal, externally), empty]).rows, id);
      expect(frontends(row).map((text) => text.split(' ')[2])).toEqual([
        'reject/pass/pass',
        'reject/reject/pass',
        'reject/reject/pass',
        `reject/reject/${elsewhere}`,
      ]);
    }
  });

  it('[A46] falls back to local terminating endpoints while others are ready elsewhere', () => {
    const row = compiled('Local', 'Local', [endpoint(a, DRAINING), remote]);
    expect(row.local).toMatchObject([{ address: a }]);
    expect(row.cluster).toMatchObject([{ address: b }]);
    expect(treatments('Local', 'Local', [endpoint(a, DRAINING), remote])[0]).toBe(
      'clusterIP local/pass/pass',
    );
    expect(row.excluded.map(({ list, why }) => `${list} ${why}`)).toEqual([
      'cluster terminating',
      'local other-node',
    ]);
  });

  it('[A46] does not fall back while a local endpoint is ready', () => {
    const row = compiled('Cluster', 'Local', [endpoint(a), endpoint(b, DRAINING)]);
    expect(row.local).toMatchObject([{ address: a }]);
    expect(row.excluded).toMatchObject([{ list: 'both', why: 'terminating' }]);
  });

  it('[A47] falls back to terminating endpoints everywhere when none is ready', () => {
    const row = compiled('Cluster', 'Cluster', [
      endpoint(a, DRAINING),
      endpoint(b, { ...DRAINING, ...REMOTE }),
    ]);
    expect(row.cluster).toMatchObject([{ address: a }, { address: b }]);
    expect(treatments('Cluster', 'Cluster', [endpoint(a, DRAINING)])[3]).toBe(
      'nodePort cluster/cluster/cluster',
    );
  });

  it('[A47] never uses an endpoint that terminates and no longer serves', () => {
    const gone = endpoint(a, { ready: false, serving: false, terminating: true });
    expect(compiled('Cluster', 'Cluster', [gone]).cluster).toEqual([]);
  });

  it('[E27] lets the outside use cluster IPs only when told to', () => {
    const objects = [service('web', [cluster]), slice('web', [local])];
    const open = compile(objects, { allowExternalClusterIp: true }).rows;
    expect(rowsOf(open, id).frontends).toMatchObject([{ inside: 'cluster', outside: 'cluster' }]);
    expect(open.node.externalClusterIp).toBe('reject');
    const closed = compile(objects).rows;
    expect(rowsOf(closed, id).frontends).toMatchObject([{ inside: 'cluster', outside: 'pass' }]);
    expect(closed.node.externalClusterIp).toBe('drop');
  });

  it('[A25] resolves another node’s node port here only under policy Cluster', () => {
    const elsewhere = (policy: TrafficPolicy) =>
      compiled('Cluster', policy, [local]).frontends.at(-1)?.elsewhere;
    expect(elsewhere('Cluster')).toBe('cluster');
    expect(elsewhere('Local')).toBe('pass');
  });
});
