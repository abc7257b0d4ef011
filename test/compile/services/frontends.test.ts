import { describe, expect, it } from 'vitest';
import type { Port } from '../../../src/model/names.ts';
import type { ServiceObject } from '../../../src/model/objects.ts';
import type { ServiceId } from '../../../src/model/rows.ts';
import { compile, frontends, reasons, rowsOf, targets } from './sample-cluster.ts';
import {
  cidr,
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

const V4 = 'shop/web:/TCP/IPv4';
const READY = slice('web', [endpoint('10.244.1.1')]);
const loadBalancer = (ips: readonly string[], changes: Partial<ServiceObject> = {}) =>
  service('web', ['10.96.0.10'], { type: 'LoadBalancer', loadBalancerIngress: ips.map(vip), ...changes });

describe('which Services have frontends', () => {
  it('[A19] a headless Service has none', () => {
    const { rows } = compile([
      service('web', [], { clusterIps: 'headless', externalIps: [ip('198.51.100.1')] }),
      READY,
    ]);
    expect([rows.services.size, rows.addresses.size]).toEqual([0, 0]);
  });

  it('[A20] an ExternalName has none', () => {
    const { rows } = compile([service('web', ['10.96.0.10'], { type: 'ExternalName' }), READY]);
    expect([rows.services.size, rows.addresses.size]).toEqual([0, 0]);
  });

  it('has none before a cluster IP is allocated', () => {
    const { rows } = compile([service('web', [], { externalIps: [ip('198.51.100.1')] }), READY]);
    expect([rows.services.size, rows.addresses.size]).toEqual([0, 0]);
  });

  it.each([
    { own: null, label: undefined, served: true },
    { own: null, label: 'other', served: false },
    { own: 'mine', label: 'mine', served: true },
    { own: 'mine', label: 'other', served: false },
    { own: 'mine', label: undefined, served: false },
  ])('[A62] proxy name $own, label $label: served $served', ({ own, label, served }) => {
    const labels = label === undefined ? {} : { 'service.kubernetes.io/service-proxy-name': label };
    const { rows } = compile([service('web', ['10.96.0.10'], { labels }), READY], { serviceProxyName: own });
    expect(rows.services.size).toBe(served ? 1 : 0);
    expect(rows.addresses.size).toBe(served ? 1 : 0);
  });

  it('[A66] does not care for anything but the fields it uses', () => {
    const plain = service('web', ['10.96.0.10']);
    const decorated = {
      ...plain,
      annotations: { note: 'x' },
      labels: { app: 'web' },
      ports: plain.ports.map((port) => ({ ...port, appProtocol: 'kubernetes.io/h2c' })),
    };
    expect(compile([decorated, READY]).rows).toEqual(compile([plain, READY]).rows);
  });
});

describe('frontends of a Service', () => {
  it('[A5] [A28] keeps TCP and UDP on one number apart', () => {
    const ports = [servicePort(53, { name: 'tcp' }), servicePort(53, { name: 'udp', protocol: 'UDP' })];
    const offered = (name: string, protocol: 'TCP' | 'UDP', address: string) =>
      slice('web', [endpoint(address)], { name, ports: [{ name, protocol, port: 53 as Port }] });
    const { rows, problems } = compile([
      loadBalancer(['192.0.2.1'], { ports }),
      offered('tcp', 'TCP', '10.244.1.1'),
      offered('udp', 'UDP', '10.244.1.2'),
    ]);
    const [tcp, udp] = [rowsOf(rows, 'shop/web:tcp/TCP/IPv4'), rowsOf(rows, 'shop/web:udp/UDP/IPv4')];
    expect([targets(tcp.cluster), targets(udp.cluster)]).toEqual([['10.244.1.1:53'], ['10.244.1.2:53']]);
    expect([tcp.frontends.length, udp.frontends.length]).toEqual([2, 2]);
    expect([tcp.displayName, udp.displayName]).toEqual(['shop/web:tcp', 'shop/web:udp']);
    expect(problems.filter(({ reason }) => reason === 'DuplicateFrontend')).toEqual([]);
  });

  it('[A3] [A4] treats UDP and SCTP as TCP', () => {
    for (const protocol of ['UDP', 'SCTP'] as const) {
      const web = service('web', ['10.96.0.10'], { ports: [servicePort(80, { protocol })] });
      const offered = slice('web', [endpoint('10.244.1.1')], {
        ports: [{ name: '', protocol, port: 80 as Port }],
      });
      const row = rowsOf(compile([web, offered]).rows, `shop/web:/${protocol}/IPv4`);
      expect([row.protocol, targets(row.cluster)]).toEqual([protocol, ['10.244.1.1:80']]);
    }
  });

  it('[A7] leads from the port to the number of the slice', () => {
    const row = rowsOf(compile([service('web', ['10.96.0.10']), READY]).rows, V4);
    expect(row).toMatchObject({ displayName: 'shop/web', owner: 'shop/web', frontends: [{ port: 80 }] });
    expect(targets(row.cluster)).toEqual(['10.244.1.1:8080']);
  });

  it('[A21] [A22] has a node port of any number, in each family', () => {
    const web = service('web', ['10.96.0.10', 'fd96::10'], {
      type: 'NodePort',
      ports: [servicePort(80, { nodePort: 81 as Port })],
    });
    const { rows } = compile([web, READY, slice('web', [endpoint('fd44::1')])], {
      nodePortRange: [80 as Port, 32767 as Port],
    });
    expect(frontends(rowsOf(rows, V4))).toContain('nodePort *:81 cluster/cluster/cluster');
    expect(frontends(rowsOf(rows, 'shop/web:/TCP/IPv6'))).toContain('nodePort *:81 cluster/cluster/cluster');
    expect(rows.node.nodePortRange).toEqual([80, 32767]);
  });

  it('[A27] has no node port where none is allocated', () => {
    const row = rowsOf(
      compile([loadBalancer(['192.0.2.1'], { allocateLoadBalancerNodePorts: false }), READY]).rows,
      V4,
    );
    expect(row.frontends.map(({ kind }) => kind)).toEqual(['clusterIP', 'loadBalancerIP']);
  });

  it('[A26] serves load-balancer IPs of ipMode VIP, not of Proxy', () => {
    const ingress = [vip('192.0.2.1'), { address: ip('192.0.2.2'), ipMode: 'Proxy' as const }];
    const { rows } = compile([loadBalancer([], { loadBalancerIngress: ingress }), READY]);
    expect(rowsOf(rows, V4).frontends.map(({ address }) => address)).toEqual(['10.96.0.10', '192.0.2.1']);
    expect([...rows.addresses.keys()]).toEqual(['10.96.0.10', '192.0.2.1']);
  });

  it('[A31] serves external IPs of any type of Service', () => {
    for (const type of ['ClusterIP', 'NodePort', 'LoadBalancer'] as const) {
      const web = service('web', ['10.96.0.10'], { type, externalIps: [ip('198.51.100.32')] });
      expect(frontends(rowsOf(compile([web, READY]).rows, V4))).toContain(
        'externalIP 198.51.100.32:80 cluster/cluster/pass',
      );
    }
  });

  it('[A35] keeps a client that is its own endpoint among the candidates', () => {
    expect(targets(rowsOf(compile([service('web', ['10.96.0.10']), READY]).rows, V4).cluster)).toHaveLength(
      1,
    );
  });

  it('[A36] [A38] carries the affinity time to every list of the port', () => {
    const web = service('web', ['10.96.0.10'], { affinitySeconds: 10800 });
    expect(rowsOf(compile([web, READY]).rows, V4).affinitySeconds).toBe(10800);
    expect(rowsOf(compile([{ ...web, affinitySeconds: null }, READY]).rows, V4).affinitySeconds).toBeNull();
  });

  it('[A63] gives each family its own address and endpoints', () => {
    const web = service('web', ['fd96::10', '10.96.0.10'], {
      type: 'LoadBalancer',
      loadBalancerIngress: [vip('2001:db8::1'), vip('192.0.2.1')],
    });
    const { rows } = compile([web, READY, slice('web', [endpoint('fd44::1')])]);
    const [v4, v6] = [rowsOf(rows, V4), rowsOf(rows, 'shop/web:/TCP/IPv6')];
    expect([targets(v4.cluster), targets(v6.cluster)]).toEqual([['10.244.1.1:8080'], ['[fd44::1]:8080']]);
    expect(v4.frontends.map(({ address }) => address)).toEqual(['10.96.0.10', '192.0.2.1']);
    expect(v6.frontends.map(({ address }) => address)).toEqual(['fd96::10', '2001:db8::1']);
    expect([...v4.excluded, ...v6.excluded]).toEqual([]);
  });

  it('refuses a second port of the same name', () => {
    const web = service('web', ['10.96.0.10'], { ports: [servicePort(80), servicePort(81)] });
    const { rows, problems } = compile([web, READY]);
    expect(rowsOf(rows, V4).frontends).toMatchObject([{ port: 80 }]);
    expect(reasons(problems)).toEqual(['Service web: DuplicatePort spec.ports[1]']);
  });

  it('refuses a second port of the same number', () => {
    const ports = [servicePort(80, { name: 'a' }), servicePort(80, { name: 'b' })];
    const { rows, problems } = compile([service('web', ['10.96.0.10'], { ports })]);
    expect([...rows.services.keys()]).toEqual(['shop/web:a/TCP/IPv4' as ServiceId]);
    expect(reasons(problems)).toEqual(['Service web: DuplicateFrontend spec.clusterIPs']);
  });
});

describe.each(['loadBalancerIP', 'externalIP'] as const)('addresses that are no %s', (kind) => {
  const wanting = (address: string): ServiceObject =>
    kind === 'externalIP'
      ? service('web', ['10.96.0.10', 'fd96::10'], { externalIps: [ip(address)] })
      : service('web', ['10.96.0.10', 'fd96::10'], {
          type: 'LoadBalancer',
          loadBalancerIngress: [vip(address)],
        });
  const field = kind === 'externalIP' ? 'spec.externalIPs' : 'status.loadBalancer.ingress';

  it.each([
    { what: 'a node’s address', address: '172.31.0.2', holder: 'Node here' },
    { what: 'a node’s IPv6 address', address: 'fd31::2', holder: 'Node here' },
    { what: 'a pod’s address', address: '10.244.1.1', holder: 'Pod shop/victim' },
    { what: 'a pod’s IPv6 address', address: 'fd44::1', holder: 'Pod shop/victim' },
    { what: 'another Service’s cluster IP', address: '10.96.0.99', holder: 'Service shop/other' },
    { what: 'another Service’s IPv6 cluster IP', address: 'fd96::99', holder: 'Service shop/other' },
    { what: 'its own cluster IP', address: '10.96.0.10', holder: 'Service shop/web' },
    { what: 'loopback', address: '127.0.0.1', holder: 'loopback' },
    { what: 'IPv6 loopback', address: '::1', holder: 'loopback' },
    { what: 'link-local', address: '169.254.169.254', holder: 'link-local' },
    { what: 'IPv6 link-local', address: 'fe80::1', holder: 'link-local' },
    { what: 'multicast', address: '224.0.0.1', holder: 'multicast' },
    { what: 'unspecified', address: '0.0.0.0', holder: 'unspecified' },
  ])('[A31] [I2] [E25] refuses $what', ({ address, holder }) => {
    const { rows, problems } = compile([
      wanting(address),
      node(HERE, { addresses: internal('172.31.0.2', 'fd31::2') }),
      pod('victim', ['10.244.1.1', 'fd44::1']),
      service('other', ['10.96.0.99', 'fd96::99']),
    ]);
    const kinds = [...rows.services.values()].flatMap((row) =>
      row.frontends.map((frontend) => frontend.kind),
    );
    expect(kinds).not.toContain(kind);
    expect(reasons(problems)).toEqual([`Service web: AddressRefused ${field}`]);
    expect(problems[0]?.message).toContain(holder);
    expect(problems[0]?.message).toContain(address);
  });

  it('[E25] refuses what is outside the allowed ranges', () => {
    const externalIpCidrs = [cidr('198.51.100.0/24'), cidr('2001:db8::/64')];
    for (const [address, accepted] of [
      ['198.51.100.7', true],
      ['198.51.101.7', false],
      ['2001:db8::7', true],
      ['2001:db9::7', false],
    ] as const) {
      const { rows, problems } = compile([wanting(address)], { externalIpCidrs });
      expect(rows.addresses.has(ip(address))).toBe(accepted);
      expect(problems.some(({ reason }) => reason === 'AddressRefused')).toBe(!accepted);
    }
  });

  it('[A31] does not mind addresses of host-network or finished pods', () => {
    const address = '198.51.100.7';
    const { rows } = compile([
      wanting(address),
      pod('agent', [address], { hostNetwork: true }),
      pod('job', [address], { phase: 'Succeeded' }),
    ]);
    expect(rows.addresses.has(ip(address))).toBe(true);
  });
});
