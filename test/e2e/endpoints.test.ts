/** Which endpoints are candidates: slices by hand, readiness, termination, affinity, topology. */
import { describe, expect, it } from 'vitest';
import { BACKENDS, type Question, tally, useLab } from './lab-cluster.ts';
import { client, DUAL_STACK, ingress, type Manifest, node, pod, service, slice } from './manifests.ts';

const IPV4 = { ...DUAL_STACK, ipFamilyPolicy: 'SingleStack', ipFamilies: ['IPv4'] };

/** Pods at known addresses, so that slices can be written by hand. */
const PLACES = [
  ['a1', 'one', '10.244.1.101'],
  ['a2', 'one', '10.244.1.102'],
  ['b1', 'two', '10.244.2.101'],
  ['c1', 'three', '10.244.3.101'],
] as const;
const ADDRESS = Object.fromEntries(PLACES.map(([name, , address]) => [name, address]));

function at(name: string, onNode: string, address: string): Manifest {
  const manifest = pod(name, { node: onNode, labels: { role: 'server' } });
  return { ...manifest, status: { ...(manifest.status as object), podIPs: [{ ip: address }] } };
}

interface EndpointOptions {
  readonly ready?: boolean | null;
  readonly serving?: boolean;
  readonly terminating?: boolean;
  readonly zones?: readonly string[];
  readonly nodes?: readonly string[];
}

function endpoint(name: string, { zones, nodes, ...conditions }: EndpointOptions = {}) {
  const [, onNode] = PLACES.find(([candidate]) => candidate === name) ?? [];
  const hints = {
    ...(zones === undefined ? {} : { forZones: zones.map((zone) => ({ name: zone })) }),
    ...(nodes === undefined ? {} : { forNodes: nodes.map((hinted) => ({ name: hinted })) }),
  };
  return {
    addresses: [ADDRESS[name]],
    nodeName: onNode,
    conditions,
    ...(zones === undefined && nodes === undefined ? {} : { hints }),
  };
}

describe.each(BACKENDS)('endpoints on %s', (servicesBackend) => {
  const manual = (name: string, spec: object = {}, more: Parameters<typeof service>[2] = {}) =>
    service(name, { ...IPV4, selector: undefined, ...spec }, more);
  const lab = useLab(
    [
      node('one', { zone: 'east' }),
      node('two', { zone: 'west' }),
      node('three', { zone: 'west' }),
      ...PLACES.map(([name, onNode, address]) => at(name, onNode, address)),
      client('asker', 'one'),
      client('western', 'two'),
      manual('web'),
      manual('web-local', { internalTrafficPolicy: 'Local' }),
      manual(
        'web-edge',
        { type: 'LoadBalancer', externalTrafficPolicy: 'Local' },
        { status: ingress('203.0.113.70') },
      ),
      manual('sticky', {
        sessionAffinity: 'ClientIP',
        sessionAffinityConfig: { clientIP: { timeoutSeconds: 2 } },
      }),
      manual('named', { ports: [{ name: 'mysql', port: 80 }] }),
    ],
    { servicesBackend },
  );

  const answers = async (question: Question, count = 40) =>
    [...tally(await lab.repeat(count, { family: 4, ...question })).keys()].sort();
  const ask = (to: string, from = 'default/asker') => answers({ from, to: `svc:default/${to}` });

  it('[A8] serve a Service without selector from a slice made by hand', async () => {
    await lab.apply(slice('web', [endpoint('a1'), endpoint('b1')]));
    expect(await ask('web')).toEqual(['default/a1', 'default/b1']);
  });

  it('[A8] serve Endpoints without selector, unless they say not to be mirrored', async () => {
    const endpoints = (labels: object): Manifest => ({
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'by-endpoints', namespace: 'default', labels },
      subsets: [{ addresses: [{ ip: ADDRESS.a1 }], ports: [{ port: 8080, protocol: 'TCP' }] }],
    });
    await lab.apply(manual('by-endpoints'), endpoints({}));
    expect(await ask('by-endpoints')).toEqual(['default/a1']);
    await lab.apply(endpoints({ 'endpointslice.kubernetes.io/skip-mirror': 'true' }));
    expect(await ask('by-endpoints')).toEqual(['refused']);
    await lab.remove(manual('by-endpoints'), endpoints({}));
  });

  it('[A10] refuse, and say why, when port names do not match', async () => {
    const wrong = slice('named', [endpoint('a1')], { ports: [{ name: 'tcp', port: 8080 }] });
    await lab.apply(wrong);
    expect(await ask('named')).toEqual(['refused']);
    const { problems } = await lab.status('one');
    expect(problems.find(({ reason }) => reason === 'PortNameMismatch')?.message).toMatch(/mysql/);
    await lab.remove(wrong);
  });

  it('[A11] [I5] leave out endpoints on loopback, link-local, multicast and cluster addresses', async () => {
    const [clusterIp] = await lab.probe({ from: 'default/asker', to: 'svc:default/web', family: 4 });
    const bad = ['127.0.0.1', '169.254.169.254', '224.0.0.9', clusterIp?.address ?? ''];
    await lab.apply(slice('web', [endpoint('a1'), ...bad.map((address) => ({ addresses: [address] }))]));
    expect(await ask('web')).toEqual(['default/a1']);
    const { problems } = await lab.status('one');
    for (const address of bad) expect(problems.some(({ message }) => message.includes(address))).toBe(true);
  });

  it('[A12] ignore slices of host names', async () => {
    const names = slice('web', [{ addresses: ['example.com'] }], { name: 'web-names', addressType: 'FQDN' });
    await lab.apply(slice('web', [endpoint('a1')]), names);
    expect(await ask('web')).toEqual(['default/a1']);
    await lab.remove(names);
  });

  it('[A13] use every endpoint of several slices', async () => {
    const second = slice('web', [endpoint('b1'), endpoint('c1')], { name: 'web-more' });
    await lab.apply(slice('web', [endpoint('a1'), endpoint('a2')]), second);
    expect(await ask('web')).toEqual(['default/a1', 'default/a2', 'default/b1', 'default/c1']);
    await lab.remove(second);
  });

  it('[A14] [A15] count an endpoint that stands in two slices once, at its best', async () => {
    const second = slice('web', [endpoint('a1', { ready: false, terminating: true })], { name: 'web-more' });
    await lab.apply(slice('web', [endpoint('a1'), endpoint('b1')]), second);
    const [, first = 0] =
      [...tally(await lab.repeat(300, { from: 'default/asker', to: 'svc:default/web', family: 4 }))].find(
        ([name]) => name === 'default/a1',
      ) ?? [];
    expect(Math.abs(first - 150)).toBeLessThan(45);
    await lab.remove(second);
  });

  it('[A16] take a missing condition for ready', async () => {
    await lab.apply(slice('web', [endpoint('a1', { ready: null }), endpoint('b1', { ready: false })]));
    expect(await ask('web')).toEqual(['default/a1']);
  });

  it('[A46] fall back to terminating endpoints of this node under policy Local, never beside ready ones', async () => {
    const leaving = endpoint('a1', { ready: false, serving: true, terminating: true });
    const enter = { from: 'external', to: '203.0.113.70', port: 80, node: 'one' };
    await lab.apply(slice('web-edge', [leaving, endpoint('b1')]));
    expect(await answers(enter, 20)).toEqual(['default/a1']);
    await lab.apply(slice('web-edge', [leaving, endpoint('a2'), endpoint('b1')]));
    expect(await answers(enter, 20)).toEqual(['default/a2']);
    await lab.apply(
      slice('web-edge', [
        { ...leaving, conditions: { ...leaving.conditions, serving: false } },
        endpoint('b1'),
      ]),
    );
    expect(await answers(enter, 2)).toEqual(['blocked']);
  });

  it('[A47] fall back to terminating endpoints under policy Cluster when none is ready anywhere', async () => {
    const leaving = { ready: false, serving: true, terminating: true };
    await lab.apply(slice('web', [endpoint('a1', leaving), endpoint('b1', leaving)]));
    expect(await ask('web')).toEqual(['default/a1', 'default/b1']);
    await lab.apply(slice('web', [endpoint('a1', leaving), endpoint('b1')]));
    expect(await ask('web')).toEqual(['default/b1']);
  });

  it('[A41] keep to this node under internal policy Local', async () => {
    await lab.apply(slice('web-local', [endpoint('a1'), endpoint('b1')]));
    expect(await ask('web-local')).toEqual(['default/a1']);
    expect(await ask('web-local', 'default/western')).toEqual(['default/b1']);
    await lab.apply(slice('web-local', [endpoint('b1')]));
    expect(await answers({ from: 'default/asker', to: 'svc:default/web-local' }, 2)).toEqual(['blocked']);
  });

  it('[A51] reach unready pods when the Service publishes them', async () => {
    const unready = pod('slow', { node: 'two', ready: false });
    await lab.apply(unready, service('slow'));
    expect(await ask('slow')).toEqual(['refused']);
    await lab.apply(service('slow', { publishNotReadyAddresses: true }));
    expect(await ask('slow')).toEqual(['default/slow']);
    await lab.remove(unready, service('slow'));
  });

  it('[A52] prefer endpoints hinted for this zone', async () => {
    await lab.apply(slice('web', [endpoint('a1', { zones: ['east'] }), endpoint('b1', { zones: ['west'] })]));
    expect(await ask('web')).toEqual(['default/a1']);
    expect(await ask('web', 'default/western')).toEqual(['default/b1']);
  });

  it('[A53] use all endpoints when one has no hint, or none is hinted for this zone', async () => {
    await lab.apply(slice('web', [endpoint('a1', { zones: ['east'] }), endpoint('b1')]));
    expect(await ask('web')).toEqual(['default/a1', 'default/b1']);
    await lab.apply(
      slice('web', [endpoint('a1', { zones: ['north'] }), endpoint('b1', { zones: ['west'] })]),
    );
    expect(await ask('web')).toEqual(['default/a1', 'default/b1']);
  });

  it('[A54] let policy Local beat hints', async () => {
    await lab.apply(
      slice('web-local', [endpoint('a1', { zones: ['west'] }), endpoint('b1', { zones: ['east'] })]),
    );
    expect(await ask('web-local')).toEqual(['default/a1']);
  });

  it('[A55] [A56] keep traffic in the zone, or on the node, as the Service prefers', async () => {
    const server = (name: string, onNode: string) => pod(name, { node: onNode, labels: { app: 'near' } });
    const servers = [server('near-1', 'one'), server('near-2', 'two'), server('near-3', 'three')];
    await lab.apply(...servers, service('near', { trafficDistribution: 'PreferSameZone' }));
    expect(await ask('near')).toEqual(['default/near-1']);
    expect(await ask('near', 'default/western')).toEqual(['default/near-2', 'default/near-3']);
    await lab.apply(service('near', { trafficDistribution: 'PreferSameNode' }));
    expect(await ask('near', 'default/western')).toEqual(['default/near-2']);
    await lab.remove(server('near-2', 'two'));
    expect(await ask('near', 'default/western')).toEqual(['default/near-3']);
    await lab.remove(server('near-3', 'three'));
    expect(await ask('near', 'default/western')).toEqual(['default/near-1']);
    await lab.remove(servers[0] as Manifest, service('near'));
  });

  it('[A36] give a client the same backend until it was idle for the timeout', async () => {
    await lab.apply(slice('sticky', [endpoint('a1'), endpoint('a2'), endpoint('b1'), endpoint('c1')]));
    expect(await ask('sticky')).toHaveLength(1);
    expect(await ask('sticky', 'default/western')).toHaveLength(1);
    const chosen = new Set<string>();
    // Four backends: eight idle periods without a change have a chance of one in 65,536.
    for (let attempt = 0; attempt < 8 && chosen.size < 2; attempt++) {
      for (const name of await answers({ from: 'default/asker', to: 'svc:default/sticky' }, 1))
        chosen.add(name);
      await new Promise((resolve) => setTimeout(resolve, 2_600));
    }
    expect(chosen.size).toBe(2);
  });

  it('[A37] give another backend at once when the remembered one is not ready any more', async () => {
    const all = ['a1', 'a2', 'b1'];
    await lab.apply(
      slice(
        'sticky',
        all.map((name) => endpoint(name)),
      ),
    );
    const [pinned = ''] = await ask('sticky');
    const rest = all.map((name) => endpoint(name, { ready: `default/${name}` !== pinned }));
    await lab.apply(slice('sticky', rest));
    const [next, ...others] = await ask('sticky');
    expect(next).not.toBe(pinned);
    expect(others).toEqual([]);
  });

  it('[A38] remember only what the policy of the address allows', async () => {
    const spec = { sessionAffinity: 'ClientIP', type: 'LoadBalancer', externalTrafficPolicy: 'Cluster' };
    const status = ingress('203.0.113.71');
    const enter = { from: 'external', to: '203.0.113.71', port: 80, node: 'one' };
    await lab.apply(manual('pinned', spec, { status }), slice('pinned', [endpoint('b1')]));
    expect(await answers(enter, 4)).toEqual(['default/b1']);
    await lab.apply(
      manual('pinned', { ...spec, externalTrafficPolicy: 'Local' }, { status }),
      slice('pinned', [endpoint('b1'), endpoint('a1')]),
    );
    expect(await answers(enter, 8)).toEqual(['default/a1']);
  });

  it('[A62] leave Services of other proxies alone', async () => {
    const other = manual(
      'others',
      {},
      { metadata: { labels: { 'service.kubernetes.io/service-proxy-name': 'other' } } },
    );
    await lab.apply(other, slice('others', [endpoint('a1')]));
    expect(await answers({ from: 'default/asker', to: 'svc:default/others' }, 2)).toEqual(['blocked']);
  });

  it('[A66] ignore appProtocol', async () => {
    await lab.apply(
      manual('web', { ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] }),
      slice('web', [endpoint('a1')]),
    );
    expect(await ask('web')).toEqual(['default/a1']);
  });
});
