import { describe, expect, it } from 'vitest';
import type { Port } from '../../../src/model/names.ts';
import { compile, frontends, reasons, rowsOf } from './sample-cluster.ts';
import { endpoint, ip, service, servicePort, slice, vip } from './sample-objects.ts';

const young = { createdAtMs: 2000 };
const old = { createdAtMs: 1000 };

describe.each([
  { family: 'IPv4', one: '10.96.0.1', two: '10.96.0.2', lb: '192.0.2.1', backend: '10.244.1.1' },
  { family: 'IPv6', one: 'fd96::1', two: 'fd96::2', lb: '2001:db8::1', backend: 'fd44::1' },
])('Services that want one frontend, over $family', ({ family, one, two, lb, backend }) => {
  const id = (name: string) => `shop/${name}:/TCP/${family}`;
  const shared = { type: 'LoadBalancer' as const, loadBalancerIngress: [vip(lb)] };

  it('[A29] share a load-balancer IP with different ports', () => {
    const a = service('a', [one], shared);
    const b = service('b', [two], { ...shared, ports: [servicePort(443)] });
    const { rows, problems } = compile([a, b, slice('b', [endpoint(backend)])]);
    expect(rowsOf(rows, id('a')).frontends).toMatchObject([{ address: one }, { address: lb, port: 80 }]);
    expect(rowsOf(rows, id('b')).frontends).toMatchObject([{ address: two }, { address: lb, port: 443 }]);
    expect(reasons(problems)).toEqual([]);
    expect(rows.addresses.get(ip(lb))).toEqual({
      address: lb,
      owner: 'shop/a',
      kind: 'loadBalancerIP',
      pingable: true,
    });
  });

  it('[A29] the older one keeps address and port, the other is told who has it', () => {
    const a = service('a', [one], { ...shared, ...young });
    const b = service('b', [two], { ...shared, ...old });
    for (const objects of [
      [a, b],
      [b, a],
    ]) {
      const { rows, problems } = compile(objects);
      expect(rowsOf(rows, id('a')).frontends.map(({ kind }) => kind)).toEqual(['clusterIP']);
      expect(rowsOf(rows, id('b')).frontends.map(({ kind }) => kind)).toEqual([
        'clusterIP',
        'loadBalancerIP',
      ]);
      expect(rows.addresses.get(ip(lb))?.owner).toBe('shop/b');
      expect(reasons(problems)).toEqual(['Service a: DuplicateFrontend status.loadBalancer.ingress']);
      expect(problems.find(({ reason }) => reason === 'DuplicateFrontend')?.message).toContain('shop/b');
    }
  });

  it('[A29] one without a time is the youngest; equal ones go by name', () => {
    const winner = (a: object, b: object) =>
      compile([
        service('a', [one], { ...shared, ...a }),
        service('b', [two], { ...shared, ...b }),
      ]).rows.addresses.get(ip(lb))?.owner;
    expect(winner({}, young)).toBe('shop/b');
    expect(winner({}, {})).toBe('shop/a');
    expect(winner(old, old)).toBe('shop/a');
  });

  it('[A65] refuses the second of two Services with one cluster IP and port, whole', () => {
    const { rows, problems } = compile([service('a', [one], young), service('b', [one], old)]);
    expect([...rows.services.keys()]).toEqual([id('b')]);
    expect(reasons(problems)).toEqual(['Service a: DuplicateFrontend spec.clusterIPs']);
  });

  it('[A22] refuses the second of two Services with one node port', () => {
    const nodePort = { type: 'NodePort' as const, ports: [servicePort(80, { nodePort: 30080 as Port })] };
    const { rows, problems } = compile([
      service('a', [one], { ...nodePort, ...old }),
      service('b', [two], { ...nodePort, ...young }),
    ]);
    expect(frontends(rowsOf(rows, id('a')))).toContain('nodePort *:30080 reject/reject/reject');
    expect(rowsOf(rows, id('b')).frontends.map(({ kind }) => kind)).toEqual(['clusterIP']);
    expect(reasons(problems)).toEqual(['Service b: DuplicateFrontend spec.ports[0].nodePort']);
  });

  it('[A31] share an external IP with different ports, and not with one port', () => {
    const externalIps = [ip(lb)];
    const { rows, problems } = compile([
      service('a', [one], { externalIps, ...old }),
      service('b', [two], {
        externalIps,
        ports: [servicePort(80, { name: 'x' }), servicePort(81, { name: 'y' })],
      }),
    ]);
    const kinds = (row: string) => rowsOf(rows, row).frontends.map(({ kind }) => kind);
    expect(kinds(id('a'))).toEqual(['clusterIP', 'externalIP']);
    expect(kinds(`shop/b:x/TCP/${family}`)).toEqual(['clusterIP']);
    expect(kinds(`shop/b:y/TCP/${family}`)).toEqual(['clusterIP', 'externalIP']);
    expect(reasons(problems)).toEqual(['Service b: DuplicateFrontend spec.externalIPs']);
  });

  it('[A31] [I2] a load-balancer IP is refused as another Service’s external IP, whoever is older', () => {
    const { rows, problems } = compile([
      service('a', [one], { externalIps: [ip(lb)], ports: [servicePort(81)], ...old }),
      service('b', [two], { ...shared, ...young }),
    ]);
    expect(rows.addresses.get(ip(lb))).toMatchObject({ owner: 'shop/b', kind: 'loadBalancerIP' });
    expect(reasons(problems)).toEqual(['Service a: AddressRefused spec.externalIPs']);
  });

  it('a Service may have one address as both, once', () => {
    const { rows, problems } = compile([service('a', [one], { ...shared, externalIps: [ip(lb)] })]);
    expect(rowsOf(rows, id('a')).frontends.map(({ kind }) => kind)).toEqual(['clusterIP', 'loadBalancerIP']);
    expect(reasons(problems)).toEqual([]);
  });
});

it('[A22] says once that a node port is taken in both families', () => {
  const nodePort = { type: 'NodePort' as const, ports: [servicePort(80, { nodePort: 30080 as Port })] };
  const { problems } = compile([
    service('a', ['10.96.0.1', 'fd96::1'], nodePort),
    service('b', ['10.96.0.2', 'fd96::2'], nodePort),
  ]);
  expect(reasons(problems)).toEqual(['Service b: DuplicateFrontend spec.ports[0].nodePort']);
});
