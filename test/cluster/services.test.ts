import { describe, expect, it } from 'vitest';
import type { Prefix } from '../../src/model/address.ts';
import type { Port } from '../../src/model/names.ts';
import { type Completed, complete, service } from './completion.ts';

const PORT = 'ports: [{port: 80}]';
const aged = (year: number) => `creationTimestamp: "${year}-01-01T00:00:00Z"`;

describe('cluster IPs', () => {
  it('follow from the name alone: more Services move none', () => {
    const alone = complete(service('web', PORT)).service('web')?.clusterIps;
    const others = Array.from({ length: 50 }, (_, index) => service(`s${index}`, PORT)).join('');
    const among = complete(others + service('web', PORT));
    expect(alone).toHaveLength(1);
    expect(alone?.[0]).toMatch(/^10\.96\.\d+\.\d+$/);
    expect(among.service('web')?.clusterIps).toEqual(alone);
    expect(new Set(clusterIpsOf(among)).size).toBe(51);
  });

  it('[A63] are of the families that the policy asks for, in their order', () => {
    const families = (spec: string) => {
      const done = complete(service('web', `${PORT}, ${spec}`)).service('web');
      return [done?.ipFamilies, done?.clusterIps.length];
    };
    expect(families('ipFamilyPolicy: SingleStack')).toEqual([['IPv4'], 1]);
    expect(families('ipFamilies: [IPv6]')).toEqual([['IPv6'], 1]);
    expect(families('ipFamilyPolicy: PreferDualStack')).toEqual([['IPv4', 'IPv6'], 2]);
    expect(families('ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6]')).toEqual([['IPv6', 'IPv4'], 2]);
    expect(families('ipFamilyPolicy: PreferDualStack, ipFamilies: [IPv6, IPv4]')).toEqual([
      ['IPv6', 'IPv4'],
      2,
    ]);
    expect(families('clusterIP: "fd96::7", ipFamilyPolicy: PreferDualStack')).toEqual([['IPv6', 'IPv4'], 2]);
  });

  it('[A63] of a family that the cluster lacks are left out or refused, as the policy says', () => {
    const options = { serviceCidrs: ['10.96.0.0/16' as Prefix] };
    const prefer = complete(service('web', `${PORT}, ipFamilyPolicy: PreferDualStack`), options);
    expect(prefer.service('web')).toMatchObject({ ipFamilies: ['IPv4'], clusterIps: { length: 1 } });
    const required = complete(service('web', `${PORT}, ipFamilyPolicy: RequireDualStack`), options);
    expect(required.findings()).toEqual(['error FamilyNotAvailable Service web spec.ipFamilyPolicy']);
    expect(required.service('web')).toBeUndefined();
    const other = complete(service('web', `${PORT}, ipFamilies: [IPv6]`), options);
    expect(other.findings()).toEqual(['error FamilyNotAvailable Service web spec.ipFamilies']);
  });

  it('[A65] that two Services claim stay with the elder; the other is absent and told why', () => {
    const claim = `${PORT}, clusterIP: 10.96.0.7`;
    const done = complete(
      service('a', claim, aged(2026)) + service('b', claim, aged(2025)) + service('c', claim),
    );
    expect([done.service('a'), done.service('c')]).toEqual([undefined, undefined]);
    expect(done.service('b')?.clusterIps).toEqual(['10.96.0.7']);
    expect(done.findings()).toEqual([
      'error DuplicateClusterIP Service a spec.clusterIP',
      'error DuplicateClusterIP Service c spec.clusterIP',
    ]);
    expect(done.problems[0]?.message).toBe('10.96.0.7 is the cluster IP of Service default/b already');
  });

  it('[A65] outside all CIDRs are used, with a warning', () => {
    const done = complete(service('web', `${PORT}, clusterIP: 10.0.0.7`));
    expect(done.service('web')?.clusterIps).toEqual(['10.0.0.7']);
    expect(done.findings()).toEqual(['warning ClusterIPOutsideRange Service web spec.clusterIP']);
  });

  it.each([
    ['10.96.0.0', false],
    ['10.96.0.1', true],
    ['10.96.255.254', true],
    ['10.96.255.255', false],
    ['fd96::', false],
    ['fd96::ffff', true],
  ])('[A65] %s is one that an API server would give: %s', (ip, isGiven) => {
    const done = complete(service('web', `${PORT}, clusterIP: "${ip}"`));
    expect(done.service('web')?.clusterIps).toEqual([ip]);
    expect(done.problems.map(({ message }) => message)).toEqual(
      isGiven
        ? []
        : [`${ip} is the network or broadcast address of one of the service CIDRs 10.96.0.0/16, fd96::/112`],
    );
  });

  it('[A65] come from the next CIDR of the family when one is full, and are never refused in any of them', () => {
    const serviceCidrs = [
      '10.96.0.0/30',
      'fd96::/112',
      '10.97.0.0/30',
    ] as readonly string[] as readonly Prefix[];
    const names = ['a', 'b', 'c', 'd'];
    const done = complete(names.map((name) => service(name, PORT)).join(''), { serviceCidrs });
    expect([...clusterIpsOf(done)].sort()).toEqual(['10.96.0.1', '10.96.0.2', '10.97.0.1', '10.97.0.2']);
    const given = complete(service('web', `${PORT}, clusterIP: 10.97.0.1`), { serviceCidrs });
    expect(given.findings()).toEqual([]);
    const full = complete([...names, 'e'].map((name) => service(name, PORT)).join(''), { serviceCidrs });
    expect(full.problems.map(({ message }) => message)).toEqual([
      'no IPv4 cluster IP is free in 10.96.0.0/30, 10.97.0.0/30',
    ]);
  });

  it('[A65] are chosen above the static band until all there are taken', () => {
    const lastBytes = (count: number) => {
      const text = Array.from({ length: count }, (_, index) => service(`s${index}`, PORT)).join('');
      const ips = clusterIpsOf(complete(text, { serviceCidrs: ['10.96.0.0/26' as Prefix] }));
      return ips.map((ip) => Number(ip.split('.')[3])).sort((a, b) => a - b);
    };
    const range = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index);
    expect(lastBytes(46)).toEqual(range(17, 62));
    expect(lastBytes(62)).toEqual(range(1, 62));
  });

  it('[A19] [A63] headless Services without selector are of both families in any cluster, unless they say otherwise', () => {
    const serviceCidrs = ['10.96.0.0/24' as Prefix];
    const web = (more: string) =>
      complete(service('web', `${PORT}, clusterIP: None${more}`), { serviceCidrs }).service('web');
    expect(web('')).toMatchObject({ ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] });
    expect(web(', ipFamilies: [IPv6]')).toMatchObject({ ipFamilies: ['IPv6', 'IPv4'] });
    expect(web(', ipFamilyPolicy: SingleStack')).toMatchObject({ ipFamilies: ['IPv4'] });
    expect(web(', selector: {app: web}')).toMatchObject({ ipFamilyPolicy: 'SingleStack' });
  });

  it('run out with an error that names the CIDR', () => {
    const options = { serviceCidrs: ['10.96.0.0/30' as Prefix] };
    const done = complete(service('a', PORT) + service('b', PORT) + service('c', PORT), options);
    expect([...clusterIpsOf(done)].sort()).toEqual(['10.96.0.1', '10.96.0.2']);
    expect(done.problems).toMatchObject([
      { reason: 'AddressesExhausted', message: expect.stringContaining('10.96.0.0/30') },
    ]);
  });

  it('[A19] [A20] are not given to headless Services and ExternalNames', () => {
    const done = complete(
      service('h', `${PORT}, clusterIP: None, selector: {app: web}`) +
        service('e', 'type: ExternalName, externalName: db.example.com'),
    );
    expect(done.service('h')).toMatchObject({ clusterIps: 'headless', ipFamilies: ['IPv4'] });
    expect(done.service('e')).toMatchObject({ clusterIps: [], ipFamilies: [] });
  });
});

describe('node ports', () => {
  const nodePorts = (spec: string) =>
    complete(service('web', spec))
      .service('web')
      ?.ports.map(({ nodePort }) => nodePort);

  it('[A22] are given from the range, the same for one port on TCP and UDP', () => {
    const [tcp = 0, udp, other] =
      nodePorts(
        'type: NodePort, ports: [{name: t, port: 53}, {name: u, port: 53, protocol: UDP}, {name: o, port: 54}]',
      ) ?? [];
    expect(tcp).toBeGreaterThanOrEqual(30000);
    expect(tcp).toBeLessThanOrEqual(32767);
    expect(udp).toBe(tcp);
    expect(other).not.toBe(tcp);
    expect(
      nodePorts(
        'type: NodePort, ports: [{name: t, port: 53, nodePort: 30053}, {name: u, port: 53, protocol: UDP}]',
      ),
    ).toEqual([30053, 30053]);
  });

  it('[A27] are not given to a load balancer that does without; explicit ones stay', () => {
    const spec = 'type: LoadBalancer, allocateLoadBalancerNodePorts: false';
    expect(nodePorts(`${spec}, ${PORT}`)).toEqual([null]);
    expect(nodePorts(`${spec}, ports: [{name: a, port: 80, nodePort: 30007}, {name: b, port: 81}]`)).toEqual([
      30007,
      null,
    ]);
    expect(nodePorts(`type: LoadBalancer, ${PORT}`)?.[0]).toBeGreaterThanOrEqual(30000);
  });

  it('[A22] outside the range, or used twice, are refused', () => {
    const exposed = (name: string, port: number, year = 2026) =>
      service(name, `type: NodePort, ports: [{port: 80, nodePort: ${port}}]`, aged(year));
    const outside = complete(exposed('web', 80));
    expect(outside.findings()).toEqual(['error NodePortOutsideRange Service web spec.ports[0].nodePort']);
    expect(outside.service('web')).toBeUndefined();
    expect(complete(exposed('web', 80), { nodePortRange: [80 as Port, 32767 as Port] }).findings()).toEqual(
      [],
    );
    const clash = complete(exposed('a', 30007) + exposed('b', 30007, 2025));
    expect(clash.findings()).toEqual(['error DuplicateNodePort Service a spec.ports[0].nodePort']);
    expect(clash.service('b')?.ports[0]?.nodePort).toBe(30007);
  });

  it('[A22] are chosen above the static band until all there are taken', () => {
    const given = (count: number) => {
      const text = Array.from({ length: count }, (_, index) =>
        service(`s${index}`, `type: NodePort, ${PORT}`),
      );
      const { objects } = complete(text.join(''), { nodePortRange: [30000 as Port, 30039 as Port] });
      return objects
        .flatMap((object) =>
          object.kind === 'Service' ? object.ports.map(({ nodePort }) => nodePort ?? 0) : [],
        )
        .sort((a, b) => a - b);
    };
    const range = (first: number, last: number) =>
      Array.from({ length: last - first + 1 }, (_, index) => first + index);
    expect(given(24)).toEqual(range(30016, 30039));
    expect(given(40)).toEqual(range(30000, 30039));
  });

  it('that are explicit push given ones aside', () => {
    const range: [Port, Port] = [30000 as Port, 30001 as Port];
    const text =
      service('a', `type: NodePort, ${PORT}`) +
      service('b', 'type: NodePort, ports: [{port: 80, nodePort: 30001}]');
    expect(complete(text, { nodePortRange: range }).service('a')?.ports[0]?.nodePort).toBe(30000);
    const third = complete(text + service('c', `type: NodePort, ${PORT}`), { nodePortRange: range });
    expect(third.findings()).toEqual(['error NodePortsExhausted Service c spec.ports']);
  });

  it('[A49] include one for health checks where only nodes with endpoints may get traffic', () => {
    const health = (spec: string) =>
      complete(service('web', `${PORT}, ${spec}`)).service('web')?.healthCheckNodePort;
    expect(health('type: LoadBalancer, externalTrafficPolicy: Local')).toBeGreaterThanOrEqual(30000);
    expect(health('type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 31000')).toBe(
      31000,
    );
    expect(health('type: LoadBalancer')).toBeNull();
    expect(health('type: NodePort, externalTrafficPolicy: Local')).toBeNull();
  });
});

describe('load-balancer addresses', () => {
  it('[A29] are the one asked for where the status has none', () => {
    const spec = `type: LoadBalancer, loadBalancerIP: 203.0.113.7, ${PORT}`;
    expect(complete(service('web', spec)).service('web')?.loadBalancerIngress).toEqual([
      { address: '203.0.113.7', ipMode: 'VIP' },
    ]);
    const withStatus = `${service('web', spec)}status: {loadBalancer: {ingress: [{ip: 203.0.113.9}]}}\n`;
    expect(complete(withStatus).service('web')?.loadBalancerIngress).toMatchObject([
      { address: '203.0.113.9' },
    ]);
    expect(
      complete(service('web', `type: LoadBalancer, ${PORT}`)).service('web')?.loadBalancerIngress,
    ).toEqual([]);
  });
});

function clusterIpsOf({ objects }: Completed): readonly string[] {
  return objects.flatMap((object) =>
    object.kind === 'Service' && object.clusterIps !== 'headless' ? object.clusterIps : [],
  );
}
