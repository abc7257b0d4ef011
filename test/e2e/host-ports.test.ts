/** Host ports, node ports on chosen addresses, refused addresses, and what the node tells about itself. */
import { spawn } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { listConntrack } from '../../src/kernel/conntrack.ts';
import type { Address } from '../../src/model/address.ts';
import { boundToParent } from '../bound-command.ts';
import { BACKENDS, type Question, useLab } from './lab-cluster.ts';
import { client, ingress, node, pod, service } from './manifests.ts';

const GET =
  'fetch(process.argv[1]).then(async (r) => process.stdout.write(JSON.stringify([r.status, await r.text()])))';

describe.each(BACKENDS)('ports of the node on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one', { labels: { role: 'edge' } }),
      node('two'),
      client('asker', 'one'),
      client('remote', 'two'),
      pod('web', { node: 'two', ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' }] }),
      pod('any', {
        node: 'one',
        ports: [
          { containerPort: 8080, hostPort: 8000 },
          { containerPort: 8080, hostPort: 8000, protocol: 'UDP' },
        ],
      }),
      pod('low', { node: 'one', ports: [{ containerPort: 8080, hostPort: 80 }] }),
      pod('clash', { node: 'one', ports: [{ containerPort: 8080, hostPort: 31000 }] }),
      service('clash', {
        type: 'NodePort',
        selector: { app: 'web' },
        ports: [{ port: 80, targetPort: 8080, nodePort: 31000 }],
      }),
      service('web'),
      service(
        'edge',
        { type: 'LoadBalancer', selector: { app: 'web' } },
        {
          status: ingress('203.0.113.60'),
          metadata: { annotations: { 'weir.dev/expose': 'LoadBalancer on role=edge' } },
        },
      ),
      service(
        'counted',
        {
          type: 'LoadBalancer',
          selector: { app: 'web' },
          externalTrafficPolicy: 'Local',
          healthCheckNodePort: 32123,
        },
        {
          status: ingress('203.0.113.61'),
        },
      ),
    ],
    { servicesBackend },
  );
  const lines = (...questions: Question[]) =>
    lab.probe(...questions.map((question) => ({ family: 4 as const, ...question })));
  const verdicts = async (...questions: Question[]) =>
    (await lines(...questions)).map(({ verdict }) => verdict);
  const addressOf = async (who: string) =>
    (await lines({ from: 'default/asker', to: `nodeport:${who}:9` }))[0]?.address ?? '';
  const reasons = async (name: string) => (await lab.status(name)).problems.map(({ reason }) => reason);
  const get = async (name: string, url: string) =>
    JSON.parse(await lab.inside(`node/${name}`, process.execPath, '-e', GET, url)) as [number, string];

  it.each([4, 6] as const)('[A32] open a host port on the pod’s node only (IPv%i)', async (family) => {
    const at = (from: string, name: string): Question => ({ from, to: `nodeport:${name}:8000`, family });
    for (const from of ['external', 'default/asker', 'default/remote', 'node/one', 'node/two']) {
      const [here, there] = await lab.probe(at(from, 'one'), at(from, 'two'));
      expect([from, here?.answeredBy, there?.verdict]).toEqual([from, 'default/any', 'refused']);
    }
  });

  it('[A32] open it for UDP, keep the client, and close it with the pod', async () => {
    const question = { from: 'external', to: 'nodeport:one:8000', protocol: 'udp' } as const;
    expect((await lines(question))[0]).toMatchObject({
      answeredBy: 'default/any',
      clientSeen: '203.0.113.10',
    });
    const brief = pod('brief', { node: 'two', ports: [{ containerPort: 8080, hostPort: 8001 }] });
    await lab.apply(brief);
    expect(await verdicts({ from: 'external', to: 'nodeport:two:8001' })).toEqual(['allowed']);
    await lab.remove(brief);
    expect(await verdicts({ from: 'external', to: 'nodeport:two:8001' })).toEqual(['refused']);
  });

  it('[A32] open it at its hostIP only', async () => {
    const bound = pod('bound', {
      node: 'two',
      ports: [{ containerPort: 8080, hostPort: 8002, hostIP: await addressOf('two') }],
    });
    const elsewhere = pod('elsewhere', {
      node: 'two',
      ports: [{ containerPort: 8080, hostPort: 8003, hostIP: '192.0.2.1' }],
    });
    await lab.apply(bound, elsewhere);
    expect(
      await verdicts(
        { from: 'external', to: 'nodeport:two:8002' },
        { from: 'external', to: 'nodeport:two:8003' },
      ),
    ).toEqual(['allowed', 'refused']);
    await lab.remove(bound, elsewhere);
  });

  it('[A33] prefer the host port to a node port of the same number, and say so', async () => {
    const answers = await lines(
      { from: 'external', to: 'nodeport:one:31000' },
      { from: 'external', to: 'nodeport:two:31000' },
    );
    expect(answers.map(({ answeredBy }) => answeredBy)).toEqual(['default/clash', 'default/web']);
    expect(await reasons('one')).toContain('HostPortShadowsNodePort');
  });

  it('[A34] give a host port to the first pod and name it to the second', async () => {
    await lab.apply(pod('thief', { node: 'one', ports: [{ containerPort: 8080, hostPort: 8000 }] }));
    expect((await lines({ from: 'external', to: 'nodeport:one:8000' }))[0]?.answeredBy).toBe('default/any');
    const { problems } = await lab.status('one');
    expect(problems.find(({ reason }) => reason === 'HostPortConflict')?.message).toContain('default/any');
    await lab.remove(pod('thief'));
  });

  it('[I8] never let a host port swallow what goes to cluster IPs and other nodes', async () => {
    const answers = await lines(
      { from: 'default/asker', to: 'svc:default/web' },
      { from: 'node/one', to: 'svc:default/web' },
      { from: 'default/asker', to: '203.0.113.61', port: 80 },
      { from: 'external', to: 'nodeport:one:80' },
    );
    expect(answers.map(({ answeredBy }) => answeredBy)).toEqual([
      'default/web',
      'default/web',
      'default/web',
      'default/low',
    ]);
  });

  it('[A22] report a process that listens on a node port', async () => {
    const script = "require('node:net').createServer().listen(31500, () => console.log('up'))";
    const child = spawn(
      ...boundToParent('nsenter', [`--net=${lab.netns('node/one')}`, process.execPath, '-e', script]),
    );
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const taken = service('taken', {
      type: 'NodePort',
      selector: { app: 'web' },
      ports: [{ port: 80, targetPort: 8080, nodePort: 31500 }],
    });
    await lab.apply(taken);
    expect(await reasons('one')).toContain('NodePortInUse');
    child.kill();
    await lab.remove(taken);
  });

  it('[E11] expose only the types and nodes that the annotation names', async () => {
    const enter = (to: string, at: string): Question => ({ from: 'external', to, port: 80, node: at });
    expect(await verdicts(enter('203.0.113.60', 'one'), enter('203.0.113.60', 'two'))).toEqual([
      'allowed',
      'blocked',
    ]);
    expect(await verdicts({ from: 'default/asker', to: 'svc:default/edge' })).not.toContain('allowed');
  });

  it('[A49] tell load balancers at the health-check node port whether a backend is here', async () => {
    const [there, body] = await get('two', 'http://127.0.0.1:32123/');
    expect([there, JSON.parse(body)]).toEqual([
      200,
      { service: { namespace: 'default', name: 'counted' }, localEndpoints: 1, serviceProxyHealthy: true },
    ]);
    expect((await get('one', 'http://127.0.0.1:32123/'))[0]).toBe(503);
    await lab.apply(pod('web', { node: 'two', ready: false }));
    expect((await get('two', 'http://127.0.0.1:32123/'))[0]).toBe(503);
    await lab.apply(
      pod('web', { node: 'two', ports: [{ containerPort: 8080 }, { containerPort: 8080, protocol: 'UDP' }] }),
    );
    expect((await get('two', 'http://127.0.0.1:32123/'))[0]).toBe(200);
  });

  it('[A50] [H11] say on /healthz, not on /livez, that the node is going away', async () => {
    const status = async (path: string) => (await get('one', `http://127.0.0.1:10256${path}`))[0];
    expect([await status('/healthz'), await status('/livez')]).toEqual([200, 200]);
    const going = node('one', { labels: { role: 'edge' } });
    await lab.apply({
      ...going,
      metadata: { ...(going.metadata as object), deletionTimestamp: '2026-01-01T00:00:00Z' },
    });
    expect([await status('/healthz'), await status('/livez')]).toEqual([503, 200]);
    await lab.apply(going);
    expect(await status('/healthz')).toBe(200);
  });

  it('[E37] export metrics by the names that users of kube-proxy know', async () => {
    const [code, text] = await get('one', 'http://127.0.0.1:10249/metrics');
    expect(code).toBe(200);
    expect(text).toMatch(/^kubeproxy_sync_proxy_rules_duration_seconds_count [1-9]/m);
    expect(text).toMatch(/^kubeproxy_network_programming_duration_seconds/m);
    expect(text).toMatch(/^weir_/m);
  });

  it('[I1] open nothing on loopback, for which route_localnet stays off', async () => {
    const setting = await lab.inside('node/one', 'cat', '/proc/sys/net/ipv4/conf/all/route_localnet');
    expect(setting.trim()).toBe('0');
    expect(await verdicts({ from: 'node/one', to: '127.0.0.1', port: 8000 })).toEqual(['refused']);
  });

  it('[A31] [I2] refuse external addresses that belong to nodes, pods and Services', async () => {
    const [asker] = await lines({ from: 'node/one', to: 'default/any' });
    const [vip] = await lines({ from: 'default/asker', to: 'svc:default/web' });
    const claimed = [await addressOf('two'), asker?.address ?? '', vip?.address ?? ''];
    const thief = service('thief', {
      selector: { app: 'any' },
      externalIPs: claimed,
      ports: [
        { port: 8080, targetPort: 8080 },
        { name: 'b', port: 80, targetPort: 8080 },
      ].map((port, index) => ({ name: `p${index}`, ...port })),
    });
    await lab.apply(thief);
    const { problems } = await lab.status('one');
    for (const address of claimed)
      expect(
        problems.some(({ message }) => message.includes(address)),
        address,
      ).toBe(true);
    expect((await lines({ from: 'default/asker', to: 'svc:default/web' }))[0]?.answeredBy).toBe(
      'default/web',
    );
    await lab.remove(thief);
  });

  it('[I6] refuse addresses and prefixes with another meaning elsewhere', async () => {
    const service6 = (ip: string) => service('odd', { externalIPs: [ip] });
    for (const ip of ['010.0.0.1', '::ffff:10.0.0.1', '1.2.3.4/32']) {
      const { problems } = await lab.apply(service6(ip));
      expect(
        problems.map(({ field }) => field),
        ip,
      ).toContain('spec.externalIPs[0]');
    }
    await lab.remove(service6('x'));
  });
});

describe.each(BACKENDS)('options of the agent on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      pod('web', { node: 'two' }),
      service('web', {
        type: 'NodePort',
        ports: [{ port: 80, targetPort: 8080, nodePort: 30007 }],
        externalIPs: ['198.51.100.1', '192.0.2.1'],
      }),
    ],
    {
      servicesBackend,
      agentArguments: [
        '--nodeport-addresses=192.0.2.0/24,172.31.0.0/24',
        '--allow-external-cluster-ip',
        '--external-ip-cidrs=198.51.100.0/24',
        '--masquerade-all',
      ],
    },
  );
  const verdicts = async (...questions: Question[]) =>
    (await lab.probe(...questions.map((question) => ({ family: 4 as const, ...question })))).map(
      ({ verdict }) => verdict,
    );

  it('[A23] serve node ports at the chosen addresses of the node only', async () => {
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30007' })).toEqual(['allowed']);
    expect(await verdicts({ from: 'external', to: 'nodeport:one:30007', family: 6 })).toEqual(['refused']);
  });

  it('[E27] let the outside in to cluster IPs when told to', async () => {
    expect(await verdicts({ from: 'external', to: 'svc:default/web' })).toEqual(['allowed']);
    expect(await verdicts({ from: 'external', to: 'svc:default/web', port: 81 })).toEqual(['refused']);
  });

  it('[I2] [E25] serve external IPs of the allowed ranges only', async () => {
    expect(
      await verdicts(
        { from: 'external', to: '198.51.100.1', port: 80 },
        { from: 'external', to: '192.0.2.1', port: 80 },
      ),
    ).toEqual(['allowed', 'blocked']);
  });

  const byPrograms = servicesBackend === 'bpf with fallbacks';
  it(`masquerade every flow that ${byPrograms ? 'policy programs do not translate' : 'is translated'} with --masquerade-all`, async () => {
    const [ofPod, direct, outside] = await lab.probe(
      ...['default/asker', 'node/one', 'external'].map((from) => ({
        from,
        to: from === 'node/one' ? 'default/web' : 'svc:default/web',
        family: 4 as const,
      })),
    );
    expect(outside?.clientSeen).toBe(direct?.clientSeen);
    expect(ofPod?.clientSeen === direct?.clientSeen).toBe(!byPrograms);
  });
});

describe.each(BACKENDS)('leaving the cluster on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      pod('web', { node: 'two' }),
      service('web'),
      service('outside', {
        selector: undefined,
        ipFamilyPolicy: 'SingleStack',
        ipFamilies: ['IPv4'],
        ports: [{ port: 80, targetPort: 7000 }],
      }),
      {
        apiVersion: 'discovery.k8s.io/v1',
        kind: 'EndpointSlice',
        metadata: {
          name: 'outside',
          namespace: 'default',
          labels: { 'kubernetes.io/service-name': 'outside' },
        },
        addressType: 'IPv4',
        ports: [{ name: '', port: 7000, protocol: 'TCP' }],
        endpoints: [{ addresses: ['203.0.113.10'] }],
      },
    ],
    { servicesBackend },
  );

  const seen = async (from: string, to: string): Promise<string | null> => {
    const [line] = await lab.probe({ from, to, port: 80, family: 4 });
    expect(line).toMatchObject({ verdict: 'allowed' });
    return line?.clientSeen ?? null;
  };
  const ownAddresses = async () => ({
    node: await seen('node/one', 'svc:default/web'),
    pod: await seen('default/asker', 'svc:default/web'),
  });

  it('[A69] masquerade pods that leave the cluster, and only those', async () => {
    const own = await ownAddresses();
    expect(own.pod).not.toBe(own.node);
    expect(await seen('default/asker', '203.0.113.10')).toBe(own.node);
  });

  it('[A9] reach an endpoint outside the cluster through its Service, with a way back', async () => {
    const [line] = await lab.probe({ from: 'default/asker', to: 'svc:default/outside', family: 4 });
    expect(line).toMatchObject({
      verdict: 'allowed',
      answeredBy: 'external',
      clientSeen: (await ownAddresses()).node,
    });
  });

  it('[A73] never take a masqueraded source port from the node-port range', async () => {
    const rules = await lab.inside('node/one', 'nft', 'list', 'chain', 'inet', 'weir', 'masquerading');
    expect(rules).toMatch(/1024-29999[\s\S]*32768-65535/);
    const fromRange = Array.from(
      { length: 300 },
      (_, index): Question => ({
        from: 'default/asker',
        to: '203.0.113.10',
        port: 53,
        protocol: 'udp',
        sourcePort: 30000 + index,
      }),
    );
    const lines = await lab.probe(...fromRange);
    expect(lines.filter(({ verdict }) => verdict !== 'allowed')).toEqual([]);
    const entries = await listConntrack(
      { family: 'IPv4', protocol: 'UDP', originalDestination: '203.0.113.10' as Address },
      { networkNamespace: lab.netns('node/one') },
    );
    const chosen = entries
      .filter(({ sourceTranslated }) => sourceTranslated)
      .map(({ reply }) => reply.destinationPort);
    expect(chosen).toHaveLength(300);
    expect(chosen.filter((port) => port >= 30000 && port <= 32767)).toEqual([]);
  });
});
