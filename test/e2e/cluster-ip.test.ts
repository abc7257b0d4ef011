/** ClusterIP Services from every place that may ask, with real packets, in both families. */
import { describe, expect, it } from 'vitest';
import { holdFlows } from './flows.ts';
import { BACKENDS, tally, useLab } from './lab-cluster.ts';
import { client, DUAL_STACK, node, pod, service } from './manifests.ts';

const TCP_AND_UDP = [
  { containerPort: 8080 },
  { containerPort: 8080, protocol: 'UDP' as const },
  { containerPort: 8080, protocol: 'SCTP' as const },
];

describe.each(BACKENDS)('cluster IPs on %s', (servicesBackend) => {
  const lab = useLab(
    [
      node('one'),
      node('two'),
      client('asker', 'one'),
      pod('web-1', { node: 'one', labels: { app: 'web' }, ports: TCP_AND_UDP }),
      pod('web-2', { node: 'two', labels: { app: 'web' }, ports: TCP_AND_UDP }),
      service('web', {
        ports: [
          { name: 'tcp', port: 80, targetPort: 8080 },
          { name: 'udp', port: 80, targetPort: 8080, protocol: 'UDP' },
          { name: 'sctp', port: 80, targetPort: 8080, protocol: 'SCTP' },
        ],
      }),
      pod('dns-tcp', {
        node: 'two',
        labels: { app: 'dns', kind: 'tcp' },
        ports: [{ containerPort: 53, name: 'tcp' }],
      }),
      pod('dns-udp', {
        node: 'one',
        labels: { app: 'dns', kind: 'udp' },
        ports: [{ containerPort: 53, name: 'udp', protocol: 'UDP' }],
      }),
      service('dns', {
        ports: [
          { name: 'tcp', port: 53, targetPort: 'tcp' },
          { name: 'udp', port: 53, targetPort: 'udp', protocol: 'UDP' },
        ],
      }),
      pod('old', { node: 'one', labels: { app: 'named' }, ports: [{ containerPort: 8080, name: 'http' }] }),
      pod('new', { node: 'two', labels: { app: 'named' }, ports: [{ containerPort: 9090, name: 'http' }] }),
      service('named', { ports: [{ port: 80, targetPort: 'http' }] }),
      pod('plain', { node: 'two', ports: [{ containerPort: 81 }] }),
      service('plain', { ports: [{ port: 81 }] }),
      pod('self', { node: 'one' }),
      service('self'),
      service('nobody'),
      service('hidden', { clusterIP: 'None' }),
      {
        apiVersion: 'v1',
        kind: 'Service',
        metadata: { name: 'elsewhere' },
        spec: { type: 'ExternalName', externalName: 'example.com' },
      },
      pod('only6', { node: 'two' }),
      service('only6', { ...DUAL_STACK, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }),
    ],
    { servicesBackend },
  );

  it.each([4, 6] as const)(
    '[A1] spread connections over ready endpoints and keep the client address (IPv%i)',
    async (family) => {
      const lines = await lab.repeat(400, {
        from: 'default/asker',
        to: 'svc:default/web',
        port: 'tcp',
        family,
      });
      const [[, first = 0] = [], [, second = 0] = []] = tally(lines);
      expect(first + second).toBe(400);
      // Five standard deviations around one half.
      expect(Math.abs(first - 200)).toBeLessThan(50);
      const [own] = await lab.probe({ from: 'default/asker', to: 'default/plain', family });
      expect(new Set(lines.map(({ clientSeen }) => clientSeen))).toEqual(new Set([own?.clientSeen]));
    },
  );

  it.each(['node/one', 'node/two'])('[A2] answer %s itself', async (from) => {
    const lines = await lab.probe({ from, to: 'svc:default/web', port: 'tcp' });
    expect(lines.map(({ verdict }) => verdict)).toEqual(['allowed', 'allowed']);
  });

  it('[A3] answer UDP from the cluster IP, always from one backend for one socket', async () => {
    const question = { from: 'default/asker', to: 'svc:default/web', port: 'udp', protocol: 'udp' } as const;
    for (const line of await lab.probe(question)) {
      // The probe's socket is connected: it would not hear an answer from elsewhere.
      expect(line.verdict).toBe('allowed');
      const flows = await holdFlows(lab, 'default/asker', { address: line.address, port: 80, udp: 8 });
      await flows.answered(40);
      expect(await flows.end()).toMatchObject({ moved: 0, broken: 0 });
    }
  });

  it.each(['default/asker', 'node/two'])(
    '[A4] translate SCTP for %s with its checksum right',
    async (from) => {
      const lines = await lab.probe({ from, to: 'svc:default/web', port: 'sctp', protocol: 'sctp' });
      expect(lines.map(({ verdict }) => verdict)).toEqual(['allowed', 'allowed']);
    },
  );

  it('[A5] keep TCP and UDP of one port number apart', async () => {
    const lines = await lab.probe(
      { from: 'default/asker', to: 'svc:default/dns', port: 'tcp' },
      { from: 'default/asker', to: 'svc:default/dns', port: 'udp', protocol: 'udp' },
    );
    expect(lines.map(({ answeredBy }) => answeredBy)).toEqual([
      'default/dns-tcp',
      'default/dns-tcp',
      'default/dns-udp',
      'default/dns-udp',
    ]);
  });

  it.each([4, 6] as const)(
    '[A6] reach each pod at its own number of a named port (IPv%i)',
    async (family) => {
      const lines = await lab.repeat(40, { from: 'default/asker', to: 'svc:default/named', family });
      expect([...tally(lines).keys()].sort()).toEqual(['default/new', 'default/old']);
    },
  );

  it('[A7] translate the port, or keep it where no targetPort is given', async () => {
    const lines = await lab.probe(
      { from: 'default/asker', to: 'svc:default/self', port: 80 },
      { from: 'default/asker', to: 'svc:default/plain', port: 81 },
    );
    expect(lines.map(({ answeredBy }) => answeredBy)).toEqual([
      'default/self',
      'default/self',
      'default/plain',
      'default/plain',
    ]);
  });

  it.each(['tcp', 'udp'] as const)('[A17] refuse %s at once where there is no endpoint', async (protocol) => {
    const extra = service('nobody-udp', { ports: [{ port: 80, protocol: 'UDP' }] });
    await lab.apply(extra);
    const to = protocol === 'tcp' ? 'svc:default/nobody' : 'svc:default/nobody-udp';
    const lines = await lab.probe(
      ...['default/asker', 'node/one'].map((from) => ({ from, to, port: 80, protocol })),
    );
    expect(lines.map(({ verdict }) => verdict)).toEqual(['refused', 'refused', 'refused', 'refused']);
    await lab.remove(extra);
  });

  it('[A18] refuse undefined ports of a cluster IP and drop what nobody was given', async () => {
    const lines = await lab.probe(
      { from: 'default/asker', to: 'svc:default/web', port: 81 },
      { from: 'node/one', to: 'svc:default/web', port: 81 },
      { from: 'default/asker', to: '10.96.255.254', port: 80 },
      { from: 'default/asker', to: 'fd96::fffe', port: 80 },
    );
    expect(lines.map(({ verdict }) => verdict)).toEqual([
      'refused',
      'refused',
      'refused',
      'refused',
      'blocked',
      'blocked',
    ]);
  });

  it('[A19] [A20] exist neither for headless nor for ExternalName Services', async () => {
    const rules = await lab.inside('node/one', 'nft', 'list', 'table', 'inet', 'weir');
    expect(rules).toContain('default/web:tcp');
    expect(rules).not.toContain('default/hidden');
    expect(rules).not.toContain('default/elsewhere');
  });

  it('[A35] let a pod reach itself through its own Service', async () => {
    const lines = await lab.probe({ from: 'default/self', to: 'svc:default/self' });
    expect(lines.map(({ answeredBy }) => answeredBy)).toEqual(['default/self', 'default/self']);
  });

  it('[A63] serve a single family where the Service has one', async () => {
    const lines = await lab.probe({ from: 'default/asker', to: 'svc:default/only6' });
    expect(lines.map(({ address, answeredBy }) => [address?.includes(':'), answeredBy])).toEqual([
      [true, 'default/only6'],
    ]);
  });

  it('[A64] gain and lose a second family without touching the first', async () => {
    const both = service('only6', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv6', 'IPv4'] });
    await lab.apply(both);
    const lines = await lab.probe({ from: 'default/asker', to: 'svc:default/only6' });
    expect(lines.map(({ answeredBy }) => answeredBy)).toEqual(['default/only6', 'default/only6']);
    await lab.apply(service('only6', { ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv6'] }));
    expect(await lab.probe({ from: 'default/asker', to: 'svc:default/only6' })).toHaveLength(1);
  });

  it('[A68] answer ping where there is an endpoint, and only there', async () => {
    const lines = await lab.probe(
      { from: 'default/asker', to: 'svc:default/web', port: 'tcp', protocol: 'icmp' },
      { from: 'node/one', to: 'svc:default/web', port: 'tcp', protocol: 'icmp' },
      { from: 'default/asker', to: 'svc:default/nobody', protocol: 'icmp' },
    );
    expect(lines.map(({ verdict }) => verdict)).toEqual([
      'allowed',
      'allowed',
      'allowed',
      'allowed',
      'refused',
      'refused',
    ]);
  });

  it('[E27] stay hidden from the outside', async () => {
    const lines = await lab.probe({ from: 'external', to: 'svc:default/web', port: 'tcp' });
    expect(lines.map(({ verdict }) => verdict)).toEqual(['blocked', 'blocked']);
  });
});
