/** Node ports, load-balancer and external addresses: who may enter where, and what the backend sees. */
import { describe, expect, it } from 'vitest';
import { BACKENDS, type Question, tally, useLab } from './lab-cluster.ts';
import { client, ingress, node, pod, service } from './manifests.ts';

const OUTSIDE = { IPv4: '203.0.113.10', IPv6: '2001:db8:ffff::10' };

describe.each(BACKENDS)('traffic from outside on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      client('remote', 'two'),
      pod('web', { node: 'two', ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' }] }),
      service(
        'web',
        {
          type: 'LoadBalancer',
          ports: [
            { name: 'tcp', port: 80, targetPort: 8080, nodePort: 30007 },
            { name: 'udp', port: 80, targetPort: 8080, nodePort: 30007, protocol: 'UDP' },
          ],
          externalIPs: ['198.51.100.32', '2001:db8:1::32'],
        },
        { status: ingress('203.0.113.80', '2001:db8:ffff::80') },
      ),
      service(
        'local',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          externalTrafficPolicy: 'Local',
          ports: [{ port: 80, targetPort: 8080, nodePort: 30008 }],
        },
        { status: ingress('203.0.113.81', '2001:db8:ffff::81') },
      ),
      service(
        'both-local',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          externalTrafficPolicy: 'Cluster',
          internalTrafficPolicy: 'Local',
          ports: [{ port: 80, targetPort: 8080, nodePort: 30009 }],
        },
        { status: ingress('203.0.113.82', '2001:db8:ffff::82') },
      ),
      service(
        'proxied',
        { type: 'LoadBalancer', selector: { app: 'web' }, allocateLoadBalancerNodePorts: false },
        { status: { loadBalancer: { ingress: [{ ip: '203.0.113.83', ipMode: 'Proxy' }] } } },
      ),
      service(
        'ranged',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          loadBalancerSourceRanges: ['192.0.2.0/24', '2001:db8:2::/64'],
          ports: [{ port: 80, targetPort: 8080, nodePort: 30010 }],
        },
        { status: ingress('203.0.113.84', '2001:db8:ffff::84') },
      ),
      service(
        'denied',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          loadBalancerSourceRanges: ['192.0.2.0/24', '2001:db8:2::/64'],
        },
        {
          metadata: { annotations: { 'weir.dev/source-ranges-policy': 'deny' } },
          status: ingress('203.0.113.85', '2001:db8:ffff::85'),
        },
      ),
      service(
        'guarded',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          loadBalancerSourceRanges: ['192.0.2.0/24'],
          ports: [{ port: 80, targetPort: 8080, nodePort: 30011 }],
        },
        {
          metadata: { annotations: { 'weir.dev/source-ranges-policy': 'allow,all-types' } },
          status: ingress('203.0.113.86'),
        },
      ),
      service(
        'shared-a',
        { type: 'LoadBalancer', selector: { app: 'web' } },
        { status: ingress('203.0.113.90') },
      ),
      service(
        'shared-b',
        { type: 'LoadBalancer', selector: { app: 'web' }, ports: [{ port: 443, targetPort: 8080 }] },
        { status: ingress('203.0.113.90') },
      ),
      service('nobody', { type: 'NodePort', ports: [{ port: 80, nodePort: 30020 }] }),
    ],
    { servicesBackend },
  );

  const verdicts = async (...questions: Question[]) =>
    (await lab.probe(...questions)).map(({ verdict }) => verdict);

  it('[A21] open a node port on every node', async () => {
    for (const from of ['external', 'default/asker', 'node/one', 'node/two'])
      expect(
        await verdicts({ from, to: 'nodeport:one:30007' }, { from, to: 'nodeport:two:30007' }),
        from,
      ).toEqual(['allowed', 'allowed', 'allowed', 'allowed']);
  });

  it('[A21] open it for UDP as well', async () => {
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30007', protocol: 'udp' })).toEqual([
      'allowed',
      'allowed',
    ]);
  });

  it('[A17] refuse at a node port without endpoints', async () => {
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30020' })).toEqual(['refused', 'refused']);
  });

  it.each(['nodeport:one:30007', '203.0.113.80', '198.51.100.32'])(
    '[A42] hide the client behind node one at %s when the backend is elsewhere',
    async (to) => {
      const [line] = await lab.probe({
        from: 'external',
        to,
        port: to.startsWith('node') ? 30007 : 80,
        node: 'one',
        family: 4,
      });
      expect(line).toMatchObject({ verdict: 'allowed', answeredBy: 'default/web' });
      const [direct] = await lab.probe({ from: 'node/one', to: 'default/web', family: 4 });
      expect(line?.clientSeen).toBe(direct?.clientSeen);
    },
  );

  it('[A42] keep the client where the backend is on the node it enters', async () => {
    const lines = await lab.probe(
      { from: 'external', to: '203.0.113.80', port: 80, node: 'two' },
      { from: 'external', to: '2001:db8:ffff::80', port: 80, node: 'two' },
    );
    expect(lines.map(({ clientSeen }) => clientSeen)).toEqual([OUTSIDE.IPv4, OUTSIDE.IPv6]);
  });

  it.each(['203.0.113.81', '2001:db8:ffff::81', 'nodeport:NODE:30008'])(
    '[A43] serve %s under policy Local only where a backend is, with the client address',
    async (to) => {
      const at = (name: string): Question => ({
        from: 'external',
        to: to.replace('NODE', name),
        node: name,
        ...(to.startsWith('node') ? { family: 4 as const } : { port: 80 }),
      });
      expect(await verdicts(at('one'))).toEqual(['blocked']);
      const [line] = await lab.probe(at('two'));
      expect(line?.verdict).toBe('allowed');
      expect([OUTSIDE.IPv4, OUTSIDE.IPv6]).toContain(line?.clientSeen);
    },
  );

  it('[A44] use every endpoint from inside, whatever the external policy', async () => {
    const targets = ['203.0.113.81', '2001:db8:ffff::81'];
    const questions = ['default/asker', 'node/one'].flatMap((from) =>
      targets.map((to) => ({ from, to, port: 80 })),
    );
    expect(await verdicts(...questions)).toEqual(Array(4).fill('allowed'));
    expect(await verdicts({ from: 'default/asker', to: 'nodeport:one:30008' })).toEqual([
      'allowed',
      'allowed',
    ]);
  });

  it('[A45] follow the internal policy at cluster IPs, the external one at external addresses', async () => {
    expect(
      await verdicts(
        { from: 'default/asker', to: 'svc:default/both-local', family: 4 },
        { from: 'default/remote', to: 'svc:default/both-local', family: 4 },
        { from: 'external', to: '203.0.113.82', port: 80, node: 'one' },
        { from: 'default/asker', to: '203.0.113.82', port: 80 },
        { from: 'default/asker', to: 'svc:default/local', family: 4 },
        { from: 'external', to: '203.0.113.81', port: 80, node: 'one' },
      ),
    ).toEqual(['blocked', 'allowed', 'allowed', 'allowed', 'allowed', 'blocked']);
  });

  it('[A41] drop, not refuse, where internal policy Local finds no local endpoint', async () => {
    expect(await verdicts({ from: 'default/asker', to: 'svc:default/both-local' })).toEqual([
      'blocked',
      'blocked',
    ]);
  });

  it('[A25] resolve another node’s port at the source under policy Cluster, and leave it alone under Local', async () => {
    const [cluster] = await lab.probe({ from: 'default/remote', to: 'nodeport:one:30007', family: 4 });
    const [own] = await lab.probe({ from: 'default/remote', to: 'default/web', family: 4 });
    expect(cluster).toMatchObject({ verdict: 'allowed', clientSeen: own?.clientSeen });
    const [local] = await lab.probe({ from: 'default/remote', to: 'nodeport:one:30008', family: 4 });
    expect(local?.verdict).toBe('blocked');
    expect(await verdicts({ from: 'default/asker', to: 'nodeport:two:30008' })).toEqual([
      'allowed',
      'allowed',
    ]);
  });

  it('[A26] take load-balancer addresses over from inside, unless their mode is Proxy', async () => {
    const [line] = await lab.probe({ from: 'default/asker', to: '203.0.113.80', port: 80 });
    const [own] = await lab.probe({ from: 'default/asker', to: 'default/web', family: 4 });
    expect(line).toMatchObject({ answeredBy: 'default/web', clientSeen: own?.clientSeen });
    expect(await verdicts({ from: 'default/asker', to: '203.0.113.83', port: 80 })).not.toContain('allowed');
  });

  it('[A27] make no node port where none is to be allocated', async () => {
    const rules = await lab.inside('node/one', 'nft', 'list', 'map', 'inet', 'weir', 'service4');
    expect(rules).toMatch(/0\.0\.0\.0 .*default\/web:tcp/);
    expect(rules).not.toMatch(/0\.0\.0\.0 [^,]*default\/proxied/);
  });

  it('[A28] serve TCP and UDP of one load balancer', async () => {
    expect(
      await verdicts(
        { from: 'external', to: '203.0.113.80', port: 80 },
        { from: 'external', to: '203.0.113.80', port: 80, protocol: 'udp' },
      ),
    ).toEqual(['allowed', 'allowed']);
  });

  it('[A29] share one load-balancer address by port', async () => {
    expect(
      await verdicts(
        { from: 'external', to: '203.0.113.90', port: 80 },
        { from: 'external', to: '203.0.113.90', port: 443 },
      ),
    ).toEqual(['allowed', 'allowed']);
  });

  it('[A30] let only source ranges in from outside; the inside is unaffected', async () => {
    const from = (address: string, to: string): Question => ({ from: `external/${address}`, to, port: 80 });
    expect(
      await verdicts(
        from('192.0.2.7', '203.0.113.84'),
        from('192.0.3.7', '203.0.113.84'),
        from('2001:db8:2::7', '2001:db8:ffff::84'),
        from('2001:db8:3::7', '2001:db8:ffff::84'),
        { from: 'default/asker', to: '203.0.113.84', port: 80 },
        { from: 'node/one', to: '203.0.113.84', port: 80 },
      ),
    ).toEqual(['allowed', 'blocked', 'allowed', 'blocked', 'allowed', 'allowed']);
  });

  it('[E12] read the ranges as a list of the unwanted when the annotation says deny', async () => {
    expect(
      await verdicts(
        { from: 'external/192.0.2.7', to: '203.0.113.85', port: 80 },
        { from: 'external/192.0.3.7', to: '203.0.113.85', port: 80 },
        { from: 'external/2001:db8:2::7', to: '2001:db8:ffff::85', port: 80 },
        { from: 'external/2001:db8:3::7', to: '2001:db8:ffff::85', port: 80 },
      ),
    ).toEqual(['blocked', 'allowed', 'blocked', 'allowed']);
  });

  it('[I25] leave node ports open beside source ranges, unless told to guard all types', async () => {
    const at = (port: number): Question => ({
      from: 'external/192.0.3.7',
      to: `nodeport:one:${port}`,
      family: 4,
    });
    expect(await verdicts(at(30010), at(30011))).toEqual(['allowed', 'blocked']);
    expect(await verdicts({ ...at(30011), from: 'external/192.0.2.7' })).toEqual(['allowed']);
  });

  it('[A31] serve external IPs that the node does not own', async () => {
    expect(
      await verdicts(
        { from: 'external', to: '198.51.100.32', port: 80 },
        { from: 'external', to: '2001:db8:1::32', port: 80 },
        { from: 'default/asker', to: '198.51.100.32', port: 80 },
      ),
    ).toEqual(['allowed', 'allowed', 'allowed']);
  });

  it('keep what a Service has when a newcomer with an earlier name asks for it', async () => {
    const newcomer = service('a-newcomer', {
      type: 'NodePort',
      selector: { app: 'nobody' },
      ports: [{ port: 80, nodePort: 30007 }],
    });
    const { problems } = await lab.apply(newcomer);
    expect(problems.map(({ object }) => object.name)).toContain('a-newcomer');
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30007' })).toEqual(['allowed', 'allowed']);
    await lab.remove(newcomer);
  });

  it('keep what a Service was when an edit asks for what another one has', async () => {
    const younger = (nodePort: number) =>
      service('younger', {
        type: 'NodePort',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080, nodePort }],
      });
    await lab.apply(younger(30021));
    const { problems } = await lab.apply(younger(30007));
    expect(problems.map(({ message }) => message).join()).toContain('stays as it was');
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30021' })).toEqual(['allowed', 'allowed']);
    await lab.remove(younger(30021));
  });

  it('spread a node port over the endpoints there are', async () => {
    const second = pod('web-b', { node: 'one', labels: { app: 'web' } });
    await lab.apply(second);
    const lines = await lab.repeat(100, { from: 'external', to: 'nodeport:one:30007', family: 4 });
    expect([...tally(lines).keys()].sort()).toEqual(['default/web', 'default/web-b']);
    await lab.remove(second);
  });
});
