import { describe, expect, it } from 'vitest';
import type { NodeName, Port } from '../../../src/model/names.ts';
import type { PodObject } from '../../../src/model/objects.ts';
import { compile, frontends, reasons, rowsOf, targets } from './sample-cluster.ts';
import {
  containerPort,
  ELSEWHERE,
  endpoint,
  HERE,
  internal,
  ip,
  node,
  pod,
  service,
  servicePort,
  slice,
  vip,
} from './sample-objects.ts';

const here = node(HERE, { addresses: internal('172.31.0.2', 'fd31::2') });
const hostRows = (objects: Parameters<typeof compile>[0]) => {
  const { rows, problems } = compile([here, ...objects]);
  const found = [...rows.services.values()].filter(({ id }) => id.startsWith('hostport:'));
  return { ids: found.map(({ id }) => id as string), found, problems };
};
const web = (changes: Partial<PodObject> = {}, name = 'web', addresses = ['10.244.1.1', 'fd44::1']) =>
  pod(name, addresses, { ports: [containerPort(8080, 80)], ...changes });

describe('host ports', () => {
  it('[A32] lead from every address of the node to its pod, in both families', () => {
    const { found } = hostRows([web()]);
    expect(found.map(({ id }) => id)).toEqual([
      'hostport:shop/web:8080/TCP/IPv4:*:80',
      'hostport:shop/web:8080/TCP/IPv6:*:80',
    ]);
    for (const row of found) {
      expect(frontends(row)).toEqual(['hostPort *:80 cluster/cluster/pass']);
      expect(row.local).toEqual(row.cluster);
      expect(row).toMatchObject({
        owner: 'shop/web',
        displayName: 'shop/web',
        cluster: [{ nodeLocal: true }],
      });
    }
    expect(found.map((row) => targets(row.cluster))).toEqual([['10.244.1.1:8080'], ['[fd44::1]:8080']]);
  });

  it('[A32] [I8] keep to the given host IP and its family', () => {
    const { found } = hostRows([web({ ports: [containerPort(8080, 80, { hostIp: ip('172.31.0.2') })] })]);
    expect(found.map(frontends)).toEqual([['hostPort 172.31.0.2:80 cluster/cluster/pass']]);
    const v6 = hostRows([web({ ports: [containerPort(8080, 80, { hostIp: ip('fd31::2') })] })]);
    expect(v6.found.map(frontends)).toEqual([['hostPort [fd31::2]:80 cluster/cluster/pass']]);
  });

  it('[A32] at the unspecified address are everywhere in that family', () => {
    const any = (address: string) =>
      hostRows([web({ ports: [containerPort(8080, 80, { hostIp: ip(address) })] })]).ids;
    expect(any('0.0.0.0')).toEqual(['hostport:shop/web:8080/TCP/IPv4:*:80']);
    expect(any('::')).toEqual(['hostport:shop/web:8080/TCP/IPv6:*:80']);
  });

  it.each<[string, Partial<PodObject>]>([
    ['on another node', { nodeName: ELSEWHERE }],
    ['not scheduled', { nodeName: null }],
    ['on the host’s network', { hostNetwork: true }],
    ['done', { phase: 'Succeeded' }],
    ['failed', { phase: 'Failed' }],
    ['without an address', { addresses: [] }],
  ])('[A32] of a pod %s do not exist', (_, changes) => {
    expect(hostRows([web(changes)]).ids).toEqual([]);
  });

  it('[A32] do not wait for readiness', () => {
    expect(hostRows([web({ ready: false, phase: 'Pending' })]).ids).toHaveLength(2);
  });

  it('[A34] of two pods that clash are the older one’s; the other is told', () => {
    const rivals = [
      web({ createdAtMs: 2 }, 'a', ['10.244.1.1']),
      web({ createdAtMs: 1 }, 'b', ['10.244.1.2']),
    ];
    for (const objects of [rivals, [...rivals].reverse()]) {
      const { ids, problems } = hostRows(objects);
      expect(ids).toEqual(['hostport:shop/b:8080/TCP/IPv4:*:80']);
      expect(reasons(problems)).toEqual(['Pod a: HostPortConflict spec.containers[].ports[0].hostPort']);
      expect(problems[0]?.message).toContain('shop/b');
    }
  });

  it('[A34] clash when one is at every address, not when addresses or protocols differ', () => {
    const at = (name: string, hostIp: string | null, createdAtMs: number, protocol: 'TCP' | 'UDP' = 'TCP') =>
      web(
        {
          createdAtMs,
          ports: [containerPort(8080, 80, { hostIp: hostIp === null ? null : ip(hostIp), protocol })],
        },
        name,
        ['10.244.1.1'],
      );
    expect(hostRows([at('a', '172.31.0.2', 1), at('b', null, 2)]).ids).toHaveLength(1);
    expect(hostRows([at('a', '172.31.0.2', 1), at('b', '127.0.0.1', 2)]).ids).toHaveLength(2);
    expect(hostRows([at('a', null, 1), at('b', null, 2, 'UDP')]).ids).toHaveLength(2);
    // The one refused is nobody's rival.
    const three = hostRows([at('a', '172.31.0.2', 1), at('b', null, 2), at('c', '127.0.0.1', 3)]);
    expect(three.found.map(({ owner }) => owner)).toEqual(['shop/a', 'shop/c']);
  });

  it('[A33] win over a node port of the same number on this node, with a warning', () => {
    const nodePort = service('other', ['10.96.0.10', 'fd96::10'], {
      type: 'NodePort',
      ports: [servicePort(80, { nodePort: 31000 as Port })],
    });
    const hostPort = web({ ports: [containerPort(8080, 31000)] }, 'web', ['10.244.1.1']);
    const { rows, problems } = compile([here, nodePort, hostPort, slice('other', [endpoint('10.244.1.9')])]);
    expect(rowsOf(rows, 'shop/other:/TCP/IPv4').frontends.map(({ kind }) => kind)).toEqual(['clusterIP']);
    expect(rowsOf(rows, 'shop/other:/TCP/IPv6').frontends.map(({ kind }) => kind)).toEqual([
      'clusterIP',
      'nodePort',
    ]);
    expect(reasons(problems)).toEqual(['Service other: HostPortShadowsNodePort spec.ports[0].nodePort']);
    expect(problems[0]).toMatchObject({ severity: 'warning' });
    expect(problems[0]?.message).toContain('shop/web');
  });

  it('[A33] at one address or of another protocol leave the node port alone', () => {
    const nodePort = service('other', ['10.96.0.10'], {
      type: 'NodePort',
      ports: [servicePort(80, { nodePort: 31000 as Port })],
    });
    for (const changes of [{ hostIp: ip('172.31.0.2') }, { protocol: 'UDP' as const }]) {
      const { rows, problems } = compile([
        here,
        nodePort,
        web({ ports: [containerPort(8080, 31000, changes)] }),
      ]);
      expect(rowsOf(rows, 'shop/other:/TCP/IPv4').frontends.map(({ kind }) => kind)).toEqual([
        'clusterIP',
        'nodePort',
      ]);
      expect(reasons(problems)).toEqual([]);
    }
  });

  it.each([
    { what: 'a cluster IP', hostIp: '10.96.0.10', holder: 'Service shop/other' },
    { what: 'a load-balancer IP', hostIp: '192.0.2.1', holder: 'Service shop/other' },
    { what: 'an external IP', hostIp: '198.51.100.1', holder: 'Service shop/other' },
    { what: 'another node’s address', hostIp: '172.31.0.3', holder: 'Node elsewhere' },
    { what: 'a pod’s address', hostIp: '10.244.2.1', holder: 'Pod shop/victim' },
  ])('[I8] never swallow traffic to $what', ({ hostIp, holder }) => {
    const other = service('other', ['10.96.0.10'], {
      type: 'LoadBalancer',
      loadBalancerIngress: [vip('192.0.2.1')],
      externalIps: [ip('198.51.100.1')],
    });
    const objects = [
      other,
      pod('victim', ['10.244.2.1'], { nodeName: ELSEWHERE }),
      node('elsewhere' as NodeName, { addresses: internal('172.31.0.3') }),
      web({ ports: [containerPort(8080, 80, { hostIp: ip(hostIp) })] }),
    ];
    const { ids, problems } = hostRows(objects);
    expect(ids).toEqual([]);
    expect(reasons(problems)).toEqual(['Pod web: HostIPRefused spec.containers[].ports[0].hostIP']);
    expect(problems[0]?.message).toContain(holder);
  });

  it('[I8] leave Services on the same number at their own addresses alone', () => {
    const { rows } = compile([here, service('other', ['10.96.0.10']), web()]);
    expect(rowsOf(rows, 'shop/other:/TCP/IPv4').frontends).toMatchObject([{ kind: 'clusterIP', port: 80 }]);
  });
});
