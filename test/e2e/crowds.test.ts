/** Many endpoints, many clients, many ports, and families that are missing: the sizes and shapes at which lists and look-ups differ. */
import { describe, expect, it } from 'vitest';
import { listConntrack } from '../../src/kernel/conntrack.ts';
import type { Port } from '../../src/model/names.ts';
import { BACKENDS, tally, useLab } from './lab-cluster.ts';
import { client, DUAL_STACK, type Manifest, node, pod, service, slice } from './manifests.ts';

const IPV4 = { ...DUAL_STACK, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] };
const IPV6 = { ...DUAL_STACK, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] };
const SERVERS = ['one', 'two', 'one', 'two'].map((onNode, index) =>
  pod(`server-${index}`, {
    node: onNode,
    labels: { app: 'server' },
    ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' }],
  }),
);
const CLIENTS = Array.from({ length: 10 }, (_, index) => `client-${index}`);

describe.each(BACKENDS)('crowds on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two', { zone: 'west' }),
      node('three', { zone: 'east' }),
      ...SERVERS,
      pod('zonal-west', { node: 'two', labels: { app: 'zonal' } }),
      pod('zonal-east', { node: 'three', labels: { app: 'zonal' } }),
      ...CLIENTS.map((name) => client(name, 'one')),
      service('many', { ...IPV4, selector: undefined, ports: [{ port: 80, targetPort: 7000 }] }),
      service('sticky', {
        selector: { app: 'server' },
        sessionAffinity: 'ClientIP',
        ports: [{ port: 53, targetPort: 8080, protocol: 'UDP' }],
      }),
      service('zonal', { trafficDistribution: 'PreferSameZone' }),
      service('wide', {
        selector: { app: 'server' },
        ports: Array.from({ length: 300 }, (_, index) => ({
          name: `p${index}`,
          port: 1000 + index,
          targetPort: 8080,
        })),
      }),
    ],
    { servicesBackend },
  );

  it('[A13] use every one of 250 endpoints in three slices', async () => {
    // Outside the cluster, where one server has all the addresses: conntrack tells which one was chosen.
    const addresses = Array.from({ length: 250 }, (_, index) => `198.51.100.${index + 1}`);
    const slices = [0, 100, 200].map((start) =>
      slice(
        'many',
        addresses.slice(start, start + 100).map((address) => ({ addresses: [address] })),
        { name: `many-${start}`, ports: [{ port: 7000 }] },
      ),
    );
    await lab.apply(...slices);
    const lines = await lab.repeat(4000, { from: 'default/client-0', to: 'svc:default/many' });
    expect(lines.filter(({ verdict }) => verdict !== 'allowed')).toEqual([]);
    const entries = await listConntrack(
      { family: 'IPv4', protocol: 'TCP', replySourcePort: 7000 as Port },
      { networkNamespace: lab.netns('node/one') },
    );
    // The chance that chance leaves one of them out is 1 in 30,000.
    expect(new Set(entries.map(({ reply }) => reply.source))).toEqual(new Set(addresses));
    await lab.remove(...slices);
  }, 20_000);

  it.each([4, 6] as const)(
    '[A40] remember each client of a node by itself, not the node (IPv%i)',
    async (family) => {
      const question = { to: 'svc:default/sticky', protocol: 'udp', family } as const;
      const chosen = new Set<string>();
      for (const name of CLIENTS) {
        const backends = tally(await lab.repeat(6, { from: `default/${name}`, ...question }));
        expect([name, backends.size]).toEqual([name, 1]);
        for (const backend of backends.keys()) chosen.add(backend);
      }
      expect(chosen.size).toBeGreaterThan(1);
      for (const backend of chosen) expect(backend).toMatch(/^default\/server-\d$/);
    },
  );

  it('[A53] use all endpoints on a node without a zone, though each has a hint', async () => {
    const asked = { to: 'svc:default/zonal', family: 4 } as const;
    const from = async (who: string) =>
      [...tally(await lab.repeat(40, { from: who, ...asked })).keys()].sort();
    expect(await from('node/two')).toEqual(['default/zonal-west']);
    expect(await from('node/one')).toEqual(['default/zonal-east', 'default/zonal-west']);
  });

  it('[A5] serve each of a Service’s 300 ports', async () => {
    const lines = await lab.probe(
      ...Array.from({ length: 300 }, (_, index) => ({
        from: 'default/client-0',
        to: 'svc:default/wide',
        port: 1000 + index,
      })),
      { from: 'default/client-0', to: 'svc:default/wide', port: 1300 },
    );
    expect(tally(lines.slice(0, 600)).has('refused')).toBe(false);
    expect(lines.slice(600).map(({ verdict }) => verdict)).toEqual(['refused', 'refused']);
  });
});

describe('odd clusters on nft', () => {
  const only6 = (name: string, index: number): Manifest => ({
    ...node(name),
    spec: { podCIDRs: [`fd44:${index}::/64`] },
    status: { addresses: [{ type: 'InternalIP', address: `fd31::a${index}` }] },
  });
  const lab = useLab(
    [
      only6('one', 1),
      only6('two', 2),
      client('asker', 'one'),
      pod('web', { node: 'two' }),
      service('web', {
        ...IPV6,
        type: 'NodePort',
        ports: [{ port: 80, targetPort: 8080, nodePort: 30007 }],
        externalIPs: ['2001:db8:99::1'],
      }),
      service('legacy', { ...IPV4, selector: { app: 'web' } }),
    ],
    { agentArguments: ['--services-backend=bpf', '--socket-lb-cgroup=/sys/fs/cgroup/nowhere'] },
  );

  it('[A59] serve by nft where bpf is asked for and missing, and say so', async () => {
    expect((await lab.status('one')).backends).toMatchObject({
      services: {
        backend: 'nft',
        why: expect.stringMatching(/^bpf was asked for, but .*nft serves instead$/),
      },
    });
    const [line] = await lab.probe({ from: 'default/asker', to: 'svc:default/web' });
    expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'default/web' });
  });

  it('[A63] serve a cluster of IPv6 alone from inside, from nodes and from outside', async () => {
    const lines = await lab.probe(
      { from: 'default/asker', to: 'svc:default/web' },
      { from: 'node/one', to: 'svc:default/web' },
      { from: 'node/one', to: 'nodeport:two:30007' },
      { from: 'external', to: 'nodeport:one:30007' },
      { from: 'external', to: '2001:db8:99::1', port: 80, node: 'two' },
    );
    expect(lines.map(({ answeredBy }) => answeredBy)).toEqual(lines.map(() => 'default/web'));
    expect(lines).toHaveLength(5);
  });

  it('[I4] give an ExternalName nothing of the Service that it names, and Ingresses nothing at all', async () => {
    const deputy = service('deputy', {
      type: 'ExternalName',
      externalName: 'web.default.svc.cluster.local',
      selector: { app: 'web' },
      ipFamilyPolicy: undefined,
      ipFamilies: undefined,
      externalIPs: ['2001:db8:99::2'],
    });
    const ingress: Manifest = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'deputy', namespace: 'default' },
      spec: { defaultBackend: { service: { name: 'deputy', port: { number: 80 } } } },
    };
    const before = await lab.inside('node/one', 'nft', 'list', 'table', 'inet', 'weir');
    const { skippedKinds } = await lab.apply(deputy, ingress);
    expect(skippedKinds).toEqual({ Ingress: 1 });
    expect(await lab.inside('node/one', 'nft', 'list', 'table', 'inet', 'weir')).toBe(before);
    const [line] = await lab.probe({ from: 'external', to: '2001:db8:99::2', port: 80 });
    expect(line?.verdict).not.toBe('allowed');
    await lab.remove(deputy, ingress);
  });
});
