import { describe, expect, it } from 'vitest';
import { compile, reasons } from './sample-cluster.ts';
import { containerPort, ip, pod, service } from './sample-objects.ts';

/** Load-balancer IPs that this proxy does not serve are somebody's all the same. */
describe.each([
  { family: 'IPv4', one: '10.96.0.1', two: '10.96.0.2', lb: '192.0.2.1', own: '10.244.1.1' },
  { family: 'IPv6', one: 'fd96::1', two: 'fd96::2', lb: '2001:db8::1', own: 'fd44::1' },
])('addresses of Services that others serve, over $family', ({ one, two, lb, own }) => {
  const balanced = { type: 'LoadBalancer' as const };
  const OTHER_PROXY = { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } };

  it.each([
    { what: 'the load balancer itself', ipMode: 'Proxy' as const, changes: {} },
    { what: 'another proxy', ipMode: 'VIP' as const, changes: OTHER_PROXY },
  ])('[A26] [A31] [I2] an external IP that $what serves is refused', ({ ipMode, changes }) => {
    const { rows, problems } = compile([
      service('thief', [one], { externalIps: [ip(lb)] }),
      service('owner', [two], {
        ...balanced,
        ...changes,
        loadBalancerIngress: [{ address: ip(lb), ipMode }],
      }),
    ]);
    expect(rows.addresses.has(ip(lb))).toBe(false);
    expect(reasons(problems)).toEqual(['Service thief: AddressRefused spec.externalIPs']);
  });

  it('[I8] a host port may not have an external IP of another proxy’s Service as its host IP, but one that nobody serves', () => {
    const thief = pod('thief', [own], { ports: [containerPort(80, 8080, { hostIp: ip(lb) })] });
    const owner = service('owner', [two], { ...OTHER_PROXY, externalIps: [ip(lb)] });
    expect(compile([thief, owner]).rows.services.size).toBe(0);
    const headless = service('headless', [], { clusterIps: 'headless', externalIps: [ip(lb)] });
    expect(compile([thief, headless]).rows.services.size).toBe(1);
  });
});
