/** Load-balancer addresses out of a pool: chosen, asked for, shared, refused, exhausted and free again. */
import { describe, expect, it } from 'vitest';
import type { Address } from '../../src/model/address.ts';
import { BACKENDS, useLab } from './lab-cluster.ts';
import { client, type Manifest, node, pod, service } from './manifests.ts';

/** Two addresses of each family: what is not the one is the other. */
const PAIR = { IPv4: '203.0.113.100', IPv6: '2001:db8:ffff::100' };
const OTHER = { IPv4: '203.0.113.101', IPv6: '2001:db8:ffff::101' };
const POOL = {
  name: 'default',
  class: null,
  autoAssign: true,
  ranges: [
    { first: PAIR.IPv4 as Address, last: OTHER.IPv4 as Address },
    { first: PAIR.IPv6 as Address, last: OTHER.IPv6 as Address },
  ],
};

function balancer(
  name: string,
  spec: Readonly<Record<string, unknown>>,
  annotations: Readonly<Record<string, string>> = {},
): Manifest {
  const metadata = { annotations };
  return service(name, { type: 'LoadBalancer', selector: { app: 'web' }, ...spec }, { metadata });
}

/** One of the two Services at the shared address. */
function shared(name: string, port: number, spec: Readonly<Record<string, unknown>> = {}): Manifest {
  const ports = [{ port, targetPort: 8080 + port - 80 }];
  const annotations = {
    'weir.dev/allow-shared-ip': 'front door',
    'weir.dev/load-balancer-ips': `${PAIR.IPv4},${PAIR.IPv6}`,
  };
  return balancer(name, { selector: { app: name }, ports, ...spec }, annotations);
}

describe.each(BACKENDS)('a pool of load-balancer addresses on %s', (servicesBackend) => {
  const web = balancer('web', {});
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      pod('web', { node: 'two' }),
      pod('door-80', { node: 'one', ports: [{ containerPort: 8080 }] }),
      pod('door-81', { node: 'two', ports: [{ containerPort: 8081 }] }),
      shared('door-80', 80),
      shared('door-81', 81),
      web,
      balancer('theirs', { loadBalancerClass: 'example.com/other' }),
    ],
    { servicesBackend, loadBalancerPools: [POOL] },
  );
  const answers = async (from: string, to: string, port: number) =>
    (await lab.probe({ from, to, port, node: 'one' })).map(
      ({ verdict, answeredBy }) => answeredBy ?? verdict,
    );

  it('[A29] [E24] gives a Service an address of each family, which answers outside and inside', async () => {
    for (const from of ['external', 'default/asker', 'node/two']) {
      for (const address of [OTHER.IPv4, OTHER.IPv6])
        expect(await answers(from, address, 80)).toEqual(['default/web']);
    }
  });

  it('[A29] [E24] lets two Services share an address by port', async () => {
    for (const address of [PAIR.IPv4, PAIR.IPv6]) {
      expect(await answers('external', address, 80)).toEqual(['default/door-80']);
      expect(await answers('external', address, 81)).toEqual(['default/door-81']);
      expect(await answers('external', address, 82)).toEqual(['blocked']);
    }
  });

  it('[A29] [E24] refuses to share a port, by the name of who has it, and serves the Service without', async () => {
    const { problems } = await lab.apply(
      shared('late', 81),
      pod('late', { ports: [{ containerPort: 8081 }] }),
    );
    expect(problems.map(({ reason, object, message }) => [reason, object.name, message])).toEqual([
      ['LoadBalancerAddressTaken', 'late', expect.stringContaining('default/door-81')],
      ['LoadBalancerAddressTaken', 'late', expect.stringContaining('default/door-81')],
    ]);
    expect(await answers('external', PAIR.IPv4, 81)).toEqual(['default/door-81']);
    const inside = await lab.probe({ from: 'default/asker', to: 'svc:default/late', family: 4 });
    expect(inside.map(({ answeredBy }) => answeredBy)).toEqual(['default/late']);
    await lab.remove(shared('late', 81), pod('late'));
  });

  it('[E24] says when there is no address left, and gives one as soon as it is free', async () => {
    const { problems } = await lab.apply(balancer('more', {}));
    expect(new Set(problems.map(({ reason, object }) => `${reason} ${object.name}`))).toEqual(
      new Set(['LoadBalancerAddressesExhausted more']),
    );
    expect((await lab.remove(web)).problems).toEqual([]);
    for (const address of [OTHER.IPv4, OTHER.IPv6])
      expect(await answers('external', address, 80)).toEqual(['default/web']);
    await lab.remove(balancer('more', {}));
    expect(await answers('external', OTHER.IPv4, 80)).not.toEqual(['default/web']);
  });
});
