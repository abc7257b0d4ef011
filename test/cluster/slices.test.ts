import { describe, expect, it } from 'vitest';
import type { SliceEndpoint } from '../../src/model/objects.ts';
import { complete, manifest, node, pod, service } from './completion.ts';

const WEB = service('web', 'selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]');
const ZONED = node('a', 'topology.kubernetes.io/zone: z1') + node('b', 'topology.kubernetes.io/zone: z2');
const LATE = ', deletionTimestamp: "2026-01-01T00:00:00Z"';
const UNREADY = 'conditions: [{type: Ready, status: "False"}]';

function endpointsOf(text: string): readonly SliceEndpoint[] {
  return complete(text)
    .slices('web')
    .flatMap(({ endpoints }) => endpoints);
}

describe('slices from selectors', () => {
  it('hold the pods that match, with node, zone and target', () => {
    const done = complete(
      ZONED +
        WEB +
        pod('p', 'nodeName: a', 'podIP: 10.244.1.5') +
        pod('other', 'nodeName: a', '', 'labels: {app: db}') +
        pod('far', 'nodeName: a', '', 'namespace: elsewhere, labels: {app: web}'),
    );
    expect(done.slices('web')).toMatchObject([
      {
        name: 'web-ipv4-0',
        addressType: 'IPv4',
        labels: {
          'kubernetes.io/service-name': 'web',
          'endpointslice.kubernetes.io/managed-by': 'control-plane.weir.dev',
        },
        ports: [{ name: 'http', protocol: 'TCP', port: 8080 }],
        endpoints: [
          {
            addresses: ['10.244.1.5'],
            ready: true,
            serving: true,
            terminating: false,
            nodeName: 'a',
            zone: 'z1',
            hintZones: [],
            hintNodes: [],
            targetPod: 'default/p',
            hostname: null,
          },
        ],
      },
    ]);
  });

  it('[A16] [A48] say what pods are: unready, terminating, ended', () => {
    const conditions = (more: string, status: string, flag = '') => {
      const text = service('web', `selector: {app: web}, ports: [{port: 80}]${flag}`);
      const [endpoint] = endpointsOf(node('a') + text + pod('p', '', status, `labels: {app: web}${more}`));
      return endpoint === undefined ? 'none' : [endpoint.ready, endpoint.serving, endpoint.terminating];
    };
    expect(conditions('', '')).toEqual([true, true, false]);
    expect(conditions('', UNREADY)).toEqual([false, false, false]);
    expect(conditions(LATE, '')).toEqual([false, true, true]);
    expect(conditions(LATE, UNREADY)).toEqual([false, false, true]);
    expect(conditions('', 'phase: Succeeded')).toBe('none');
    expect(conditions('', 'phase: Failed')).toBe('none');
    // [A51] publishNotReadyAddresses, as kube-controller-manager has it: ready, whatever the pod is.
    expect(conditions('', UNREADY, ', publishNotReadyAddresses: true')).toEqual([true, false, false]);
    expect(conditions(LATE, UNREADY, ', publishNotReadyAddresses: true')).toEqual([true, false, true]);
  });

  it('[A51] publish unready pods where the Service says so', () => {
    const text = service('web', 'selector: {app: web}, ports: [{port: 80}], publishNotReadyAddresses: true');
    expect(endpointsOf(node('a') + text + pod('p', '', UNREADY))).toMatchObject([
      { ready: true, serving: false },
    ]);
  });

  it('[A17] say that there are no endpoints, by one slice without any for each family', () => {
    const dual = service(
      'web',
      'selector: {app: web}, ports: [{port: 80}], ipFamilyPolicy: RequireDualStack',
    );
    const slices = (text: string) =>
      complete(text)
        .slices('web')
        .map(({ name, ports, endpoints }) => [name, ports.length, endpoints.length]);
    expect(slices(dual)).toEqual([
      ['web-ipv4-0', 0, 0],
      ['web-ipv6-0', 0, 0],
    ]);
    // A family that no pod has an address of is empty, the other is not.
    expect(slices(node('a') + dual + pod('p', 'nodeName: a', 'podIP: 10.244.1.5'))).toEqual([
      ['web-ipv4-0', 1, 1],
      ['web-ipv6-0', 0, 0],
    ]);
    expect(slices(service('web', 'ports: [{port: 80}]'))).toEqual([]);
    expect(slices(service('web', 'type: ExternalName, externalName: a.example'))).toEqual([]);
  });

  it('[A51] leave out pods of no node, unless unready ones are published', () => {
    const cordoned = node('a', '', 'unschedulable: true');
    const stray = pod('p', '', 'podIP: 10.244.1.5');
    expect(endpointsOf(cordoned + WEB + stray)).toEqual([]);
    const published = WEB.replace('selector', 'publishNotReadyAddresses: true, selector');
    expect(endpointsOf(cordoned + published + stray)).toMatchObject([{ nodeName: null, zone: null }]);
  });

  it('[A66] carry on the application protocol of a port', () => {
    const text = WEB.replace('targetPort', 'appProtocol: kubernetes.io/h2c, targetPort');
    expect(complete(node('a') + text + pod('p', '')).slices('web')[0]?.ports).toEqual([
      { name: 'http', protocol: 'TCP', appProtocol: 'kubernetes.io/h2c', port: 8080 },
    ]);
  });

  it('take the labels of the Service, but for those that say whose they are', () => {
    const labels =
      'labels: {app: web, kubernetes.io/service-name: x, service.kubernetes.io/headless: "", endpointslice.kubernetes.io/managed-by: me}';
    const text = service('web', 'selector: {app: web}, ports: [{port: 80}]', labels);
    expect(complete(text).slices('web')[0]?.labels).toEqual({
      app: 'web',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'control-plane.weir.dev',
    });
  });

  it('[A6] part pods that number a named port differently; ports a pod lacks are left out and told', () => {
    const text =
      node('a') +
      service('web', 'selector: {app: web}, ports: [{port: 80, targetPort: http}]') +
      pod('p', 'containers: [{ports: [{name: http, containerPort: 8080}]}]', 'podIP: 10.244.1.5') +
      pod('q', 'containers: [{ports: [{name: http, containerPort: 9090}]}]', 'podIP: 10.244.1.6') +
      pod(
        'r',
        'containers: [{ports: [{name: http, containerPort: 53, protocol: UDP}]}]',
        'podIP: 10.244.1.7',
      );
    const done = complete(text);
    const found = done
      .slices('web')
      .map(({ ports, endpoints }) => [ports[0]?.port, endpoints[0]?.addresses[0]]);
    expect(found).toHaveLength(3);
    expect(found).toContainEqual([8080, '10.244.1.5']);
    expect(found).toContainEqual([9090, '10.244.1.6']);
    expect(found).toContainEqual([undefined, '10.244.1.7']);
    expect(done.findings()).toEqual(['warning PortNotFound Service web spec.ports[0].targetPort']);
    expect(done.problems[0]?.message).toBe('pod r has no TCP port named "http"');
  });

  it('[A13] hold at most 100 endpoints each, and all of them together', () => {
    const pods = Array.from({ length: 250 }, (_, index) => pod(`p${index}`, 'nodeName: a')).join('');
    const done = complete(node('a', '', 'podCIDRs: [10.244.0.0/16]') + WEB + pods);
    const slices = done.slices('web');
    expect(slices.map(({ name, endpoints }) => [name, endpoints.length])).toEqual([
      ['web-ipv4-0', 100],
      ['web-ipv4-1', 100],
      ['web-ipv4-2', 50],
    ]);
    expect(new Set(slices.flatMap(({ endpoints }) => endpoints.map(({ targetPod }) => targetPod))).size).toBe(
      250,
    );
  });

  it('[A63] are made for each family of the Service', () => {
    const text = service('web', 'selector: {app: web}, ports: [{port: 80}], ipFamilyPolicy: PreferDualStack');
    const done = complete(
      node('a') + text + pod('p', 'nodeName: a', 'podIPs: [{ip: 10.244.1.5}, {ip: "fd44:1::5"}]'),
    );
    expect(done.slices('web').map(({ name, endpoints }) => [name, endpoints[0]?.addresses[0]])).toEqual([
      ['web-ipv4-0', '10.244.1.5'],
      ['web-ipv6-0', 'fd44:1::5'],
    ]);
  });

  it('of a headless Service carry its label and the host names of its pods', () => {
    const text = service('web', 'selector: {app: web}, clusterIP: None');
    const done = complete(
      node('a') + text + pod('p', 'hostname: web-0, subdomain: web') + pod('q', 'hostname: q, subdomain: x'),
    );
    expect(done.slices('web')).toMatchObject([
      {
        labels: { 'service.kubernetes.io/headless': '' },
        ports: [],
        endpoints: [{ hostname: 'web-0' }, { hostname: null }],
      },
    ]);
  });

  it('are not made where a real cluster made them, and leave names to slices made by hand', () => {
    const slice = (name: string, labels: string) =>
      manifest(
        'EndpointSlice',
        `name: ${name}, labels: {kubernetes.io/service-name: web${labels}}`,
        '',
        'addressType: IPv4\nendpoints: [{addresses: [192.0.2.9]}]',
      );
    const foreign = slice(
      'web-abcde',
      ', endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io',
    );
    const names = (text: string) =>
      complete(text)
        .slices('web')
        .map(({ name }) => name);
    expect(names(node('a') + WEB + pod('p', '') + foreign)).toEqual(['web-abcde']);
    expect(names(node('a') + WEB + pod('p', '') + slice('web-ipv4-0', ''))).toEqual([
      'web-ipv4-0',
      'web-ipv4-1',
    ]);
    const stale = slice('web-ipv4-7', ', endpointslice.kubernetes.io/managed-by: control-plane.weir.dev');
    expect(names(node('a') + WEB + pod('p', '') + stale)).toEqual(['web-ipv4-0']);
  });
});

describe('hints', () => {
  const web = (more: string, metadata = '') =>
    service('web', `selector: {app: web}, ports: [{port: 80}]${more}`, metadata);
  const pods = pod('p', 'nodeName: a') + pod('q', 'nodeName: b') + pod('r', 'nodeName: b', UNREADY);
  const hints = (text: string) =>
    endpointsOf(text).map(({ hintZones, hintNodes }) => [...hintZones, ...hintNodes]);
  const AUTO = 'annotations: {service.kubernetes.io/topology-mode: Auto}';

  it('[A55] name the zone of each ready endpoint for PreferClose and PreferSameZone', () => {
    for (const name of ['PreferClose', 'PreferSameZone']) {
      expect(hints(ZONED + web(`, trafficDistribution: ${name}`) + pods)).toEqual([['z1'], ['z2'], []]);
    }
    expect(hints(ZONED + web('') + pods)).toEqual([[], [], []]);
  });

  it('[A56] name node and zone for PreferSameNode', () => {
    expect(hints(ZONED + web(', trafficDistribution: PreferSameNode') + pods)).toEqual([
      ['z1', 'a'],
      ['z2', 'b'],
      [],
    ]);
  });

  it('[A52] [A53] name the own zone for topology-mode Auto, only where every zone has a ready endpoint', () => {
    expect(hints(ZONED + web('', AUTO) + pods)).toEqual([['z1'], ['z2'], []]);
    expect(hints(ZONED + web('', AUTO) + pod('p', 'nodeName: a'))).toEqual([[]]);
    expect(hints(ZONED + node('c') + web('', AUTO) + pods)).toEqual([[], [], []]);
  });

  it('[A53] follow the CPU of the zones for topology-mode Auto, and say why there are none', () => {
    const cpu = (name: string, zone: string, amount: string) =>
      node(name, `topology.kubernetes.io/zone: ${zone}`, '', `allocatable: {cpu: ${amount}}`);
    const four = ['p', 'q', 'r', 's']
      .map((name) => pod(name, `nodeName: ${name < 'r' ? 'a' : 'b'}`))
      .join('');
    expect(hints(cpu('a', 'z1', '3') + cpu('b', 'z2', '1000m') + web('', AUTO) + four)).toEqual([
      ['z1'],
      ['z1'],
      ['z1'],
      ['z2'],
    ]);
    const few = complete(ZONED + web(', ipFamilyPolicy: PreferDualStack', AUTO) + pod('p', 'nodeName: a'));
    expect(few.findings()).toEqual(['warning TopologyAwareHintsDisabled Service web metadata.annotations']);
    expect(few.problems[0]?.message).toBe(
      'no topology hints: there are too few endpoints (1 ready endpoints, 2 zones)',
    );
  });

  it('[A54] follow the annotation where both are set', () => {
    const both = web(', trafficDistribution: PreferSameNode', AUTO);
    expect(hints(ZONED + both + pods)).toEqual([['z1'], ['z2'], []]);
    expect(hints(ZONED + both + pod('p', 'nodeName: a'))).toEqual([[]]);
  });
});

describe('mirrored Endpoints', () => {
  const endpoints = (metadata = '') =>
    manifest(
      'Endpoints',
      `name: web${metadata}`,
      '',
      'subsets: [{addresses: [{ip: 192.0.2.42}, {ip: "2001:db8::1"}], notReadyAddresses: [{ip: 192.0.2.43}], ports: [{port: 3306}]}]',
    );
  const bare = service('web', 'ports: [{port: 3306}]');

  it('[A8] become slices of a Service without selector', () => {
    const done = complete(bare + endpoints());
    expect(
      done
        .slices('web')
        .map(({ name, ports, endpoints: list }) => [
          name,
          ports,
          list.map(({ addresses, ready }) => [...addresses, ready]),
        ]),
    ).toEqual([
      [
        'web-ipv4-0',
        [{ name: '', protocol: 'TCP', port: 3306 }],
        [
          ['192.0.2.42', true],
          ['192.0.2.43', false],
        ],
      ],
      ['web-ipv6-0', [{ name: '', protocol: 'TCP', port: 3306 }], [['2001:db8::1', true]]],
    ]);
  });

  it('[A8] [A13] are at most 1000 addresses of a subset, ready ones first, and the rest is told', () => {
    const ips = (network: number, count: number) =>
      Array.from({ length: count }, (_, index) => `{ip: 192.${network}.${index >> 8}.${index & 255}}`).join();
    const big = (ready: number, unready: number) =>
      manifest(
        'Endpoints',
        'name: web',
        '',
        `subsets: [{addresses: [${ips(1, ready)}], notReadyAddresses: [${ips(2, unready)}], ports: [{port: 3306}]}]`,
      );
    const mirrored = (text: string) => {
      const done = complete(bare + text);
      const all = done.slices('web').flatMap((slice) => slice.endpoints);
      return [all.length, all.filter(({ ready }) => ready).length, done.findings()];
    };
    expect(mirrored(big(600, 400))).toEqual([1000, 600, []]);
    const told = ['warning TooManyAddressesToMirror Service web subsets'];
    expect(mirrored(big(900, 200))).toEqual([1000, 900, told]);
    expect(mirrored(big(1100, 1))).toEqual([1000, 1000, told]);
    expect(complete(bare + big(1100, 1)).slices('web')).toHaveLength(1);
  });

  it('[A8] carry labels and annotations of the Endpoints, but for what is about these alone', () => {
    const told =
      'labels: {app: ledger}, annotations: {note: x, kubectl.kubernetes.io/last-applied-configuration: "{}", ' +
      'endpoints.kubernetes.io/last-change-trigger-time: "2026-01-01T00:00:00Z"}';
    const [slice] = complete(bare + endpoints(`, ${told}`)).slices('web');
    expect(slice?.labels).toMatchObject({ app: 'ledger', 'kubernetes.io/service-name': 'web' });
    expect(slice?.annotations).toEqual({ note: 'x' });
  });

  it('[A8] do not where they opt out, elect a leader, or the Service has a selector or does not exist', () => {
    const none = (text: string) =>
      expect(
        complete(text).objects.flatMap((object) => (object.kind === 'EndpointSlice' ? object.endpoints : [])),
      ).toEqual([]);
    none(bare + endpoints(', labels: {endpointslice.kubernetes.io/skip-mirror: "true"}'));
    none(bare + endpoints(', annotations: {control-plane.alpha.kubernetes.io/leader: "{}"}'));
    none(WEB + endpoints());
    none(endpoints());
  });
});
