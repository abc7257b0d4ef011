/**
 * Egress policies behind Service addresses: the pod behind the Service counts, whoever serves Services and whoever judges.
 * Every question is asked by real packets in both families, and of the trace.
 */
import { beforeAll, describe, expect, it } from 'vitest';
import { serveByForeignProxy } from './foreign-proxy.ts';
import { node, pod, service } from './manifests.ts';
import { POLICY_BACKENDS, type PolicyBackendName, usePolicyLab } from './policy-lab.ts';
import { namespace, networkPolicy, podsLabelled } from './policy-manifests.ts';
import { translatedFor } from './translated-flows.ts';

const PORTS = [
  { containerPort: 8080, name: 'http' },
  { containerPort: 53, protocol: 'UDP' as const, name: 'dns' },
];
const SERVED = [
  { name: 'http', port: 80, targetPort: 'http', nodePort: 30080 },
  { name: 'dns', port: 53, targetPort: 'dns', protocol: 'UDP', nodePort: 30053 },
];
const CLUSTER = [
  node('one'),
  node('two'),
  namespace('other'),
  pod('asker', { node: 'one', ports: [] }),
  pod('free', { node: 'one', ports: [] }),
  pod('near', { node: 'one', labels: { app: 'near' }, ports: PORTS }),
  pod('far', { node: 'two', labels: { app: 'far' }, ports: PORTS }),
  pod('secret', { node: 'two', ports: PORTS }),
  service('near', { type: 'NodePort', ports: SERVED }),
  service('far', {
    type: 'NodePort',
    ports: SERVED.map((port) => ({ ...port, nodePort: port.nodePort + 1 })),
    externalIPs: ['198.51.100.7', '2001:db8:e::7'],
  }),
  service('secret', { ports: [{ port: 80, targetPort: 8080 }] }),
  service('nobody'),
];
const ONLY_NEAR_AND_FAR = networkPolicy('asker', {
  egress: [{ to: [podsLabelled('near'), podsLabelled('far')] }],
});
const WHOLE_SERVICE_NETWORK = networkPolicy('asker', {
  egress: [{ to: [{ ipBlock: { cidr: '10.96.0.0/16' } }, { ipBlock: { cidr: 'fd96::/112' } }] }],
});

interface Combination {
  readonly backend: PolicyBackendName;
  readonly services: 'nft' | 'bpf' | 'a foreign proxy';
}

const SERVICES_BACKENDS = { nft: 'nft', bpf: 'bpf', 'a foreign proxy': 'none' } as const;

const COMBINATIONS: readonly Combination[] = POLICY_BACKENDS.flatMap((backend) => [
  { backend, services: 'nft' },
  { backend, services: 'bpf' },
  { backend, services: 'a foreign proxy' },
]);

describe.each(COMBINATIONS)('Services by $services, policies by $backend', ({ backend, services }) => {
  const isForeign = services === 'a foreign proxy';
  const lab = usePolicyLab(backend, CLUSTER, [`--services-backend=${SERVICES_BACKENDS[services]}`]);
  const outcomes = async (...to: readonly string[]) =>
    Object.values(await lab.verdicts(...to.map((target) => `default/asker > ${target}`)));

  beforeAll(async () => {
    if (isForeign) for (const name of ['one', 'two']) await serveByForeignProxy(lab, name);
  });

  it('[C15] the pod behind the Service counts, on this node and another, TCP and UDP', () =>
    lab.during([ONLY_NEAR_AND_FAR], async () => {
      const allowed = ['near', 'far'].flatMap((name) => [
        `svc:default/${name}:http`,
        `svc:default/${name}:dns/udp`,
      ]);
      expect(await outcomes(...allowed)).toEqual(allowed.map(() => 'allowed'));
      expect(await outcomes('svc:default/secret:80', 'default/secret:8080')).toEqual(['blocked', 'blocked']);
    }));

  it('[C15] a block around Service addresses opens nothing behind them', () =>
    lab.during([WHOLE_SERVICE_NETWORK], async () =>
      expect(await outcomes('svc:default/near:http', 'svc:default/far:dns/udp', 'default/near:8080')).toEqual(
        ['blocked', 'blocked', 'blocked'],
      ),
    ));

  it('[C15] node ports and external addresses are the pods behind them too', () =>
    lab.during([ONLY_NEAR_AND_FAR], async () => {
      const asked = ['nodeport:one:30080', 'nodeport:one:30081', 'nodeport:one:30053/udp'];
      expect(await outcomes(...asked)).toEqual(asked.map(() => 'allowed'));
      const external = await lab.probe(
        { from: 'default/asker', to: '198.51.100.7', port: 80 },
        { from: 'default/asker', to: '2001:db8:e::7', port: 80 },
      );
      expect(external.map(({ answeredBy }) => answeredBy)).toEqual(['default/far', 'default/far']);
    }));

  it('[C15] who translates what an isolated pod sends, and what any other does', async () => {
    const flows = () => translatedFor(lab, 'one', ['default/asker', 'default/free']);
    await lab.during([ONLY_NEAR_AND_FAR], async () => {
      expect(await outcomes('svc:default/near:http')).toEqual(['allowed']);
      await lab.verdicts('default/free > svc:default/near:http');
      expect(await flows()).toEqual({
        'default/asker': backend === 'nft' && services !== 'bpf',
        'default/free': services !== 'bpf',
      });
    });
  });

  it('[A68] [C15] a ping of a Service is one of the node that answers it', async () => {
    const ping = 'svc:default/near/icmp';
    const shown = await lab.inside('node/one', 'ip', '-j', 'address', 'show', 'eth0', 'scope', 'global');
    const own = JSON.parse(shown)[0].addr_info as readonly { local: string; prefixlen: number }[];
    const node = own.map(({ local, prefixlen }) => ({ ipBlock: { cidr: `${local}/${prefixlen}` } }));
    await lab.during([networkPolicy('asker', { egress: [{ to: node }] })], async () =>
      // The foreign proxy answers none.
      expect(await outcomes(ping)).toEqual([isForeign ? 'blocked' : 'allowed']),
    );
    await lab.during([WHOLE_SERVICE_NETWORK], async () => expect(await outcomes(ping)).toEqual(['blocked']));
  });
});
