import { describe, expect, it } from 'vitest';
import type { TrafficPolicy } from '../../../src/model/objects.ts';
import { compile } from './sample-cluster.ts';
import { DRAINING, endpoint, ip, NOT_READY, service, servicePort, slice, vip } from './sample-objects.ts';

describe.each([
  {
    family: 'IPv4',
    cluster: '10.96.0.1',
    second: '10.96.0.2',
    lb: '192.0.2.1',
    external: '198.51.100.1',
    backend: '10.244.1.1',
  },
  {
    family: 'IPv6',
    cluster: 'fd96::1',
    second: 'fd96::2',
    lb: '2001:db8::1',
    external: '2001:db8::2',
    backend: 'fd44::1',
  },
])('addresses of Services over $family', ({ cluster, second, lb, external, backend }) => {
  const web = service('web', [cluster], {
    type: 'LoadBalancer',
    loadBalancerIngress: [vip(lb)],
    externalIps: [ip(external)],
    ports: [servicePort(80), servicePort(81, { name: 'unused' })],
  });
  const pingable = (objects: Parameters<typeof compile>[0]) =>
    [...compile(objects).rows.addresses.values()].map((row) => row.pingable);

  it('[A18] belong to the Service whatever the port, with and without endpoints', () => {
    for (const endpoints of [[], [endpoint(backend)]]) {
      const { rows } = compile([web, slice('web', endpoints)]);
      const found = [...rows.addresses.values()].map(({ address, kind, owner }) => ({
        address,
        kind,
        owner,
      }));
      expect(found).toContainEqual({ address: cluster, kind: 'clusterIP', owner: 'shop/web' });
      expect(found).toContainEqual({ address: lb, kind: 'loadBalancerIP', owner: 'shop/web' });
      expect(found).toContainEqual({ address: external, kind: 'externalIP', owner: 'shop/web' });
      expect(found).toHaveLength(3);
    }
  });

  it('[A68] answer ping when some port has a candidate', () => {
    expect(pingable([web, slice('web', [endpoint(backend)])])).toEqual([true, true, true]);
    expect(pingable([web, slice('web', [endpoint(backend, DRAINING)])])).toEqual([true, true, true]);
  });

  it('[A68] do not answer ping without one', () => {
    expect(pingable([web])).toEqual([false, false, false]);
    expect(pingable([web, slice('web', [endpoint(backend, NOT_READY)])])).toEqual([false, false, false]);
  });

  it('[A68] [A41] answer ping by candidates anywhere, whatever the traffic policies', () => {
    const local: TrafficPolicy = 'Local';
    const strict = { ...web, internalTrafficPolicy: local, externalTrafficPolicy: local };
    expect(pingable([strict, slice('web', [endpoint(backend, { nodeName: null })])])).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('[A29] [A68] shared by Services are the oldest one’s and answer ping for any', () => {
    const first = service('first', [second], { ...sharing(lb), createdAtMs: 1 });
    const later = { ...web, ports: [servicePort(443)], createdAtMs: 2 };
    const { rows } = compile([first, later, slice('web', [endpoint(backend)])]);
    expect(rows.addresses.get(ip(lb))).toMatchObject({ owner: 'shop/first', pingable: true });
    expect(rows.addresses.get(ip(second))?.pingable).toBe(false);
  });
});

function sharing(lb: string) {
  return { type: 'LoadBalancer' as const, loadBalancerIngress: [vip(lb)] };
}

it('[A63] [A68] each family answers ping for itself', () => {
  const { rows } = compile([service('web', ['10.96.0.1', 'fd96::1']), slice('web', [endpoint('fd44::1')])]);
  expect(rows.addresses.get(ip('10.96.0.1'))?.pingable).toBe(false);
  expect(rows.addresses.get(ip('fd96::1'))?.pingable).toBe(true);
});
