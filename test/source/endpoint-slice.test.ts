import { describe, expect, it } from 'vitest';
import { parsed, refusalOf } from './parsing.ts';

function sliceYaml(fields: string, type = 'IPv4'): string {
  const labels = '{kubernetes.io/service-name: web}';
  const head = `apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-x, namespace: shop, labels: ${labels}}`;
  return `${head}\n${type === '' ? '' : `addressType: ${type}\n`}${fields}`;
}

describe('an EndpointSlice manifest', () => {
  it('[A8] belongs to the Service of its label', () => {
    expect(parsed('EndpointSlice', sliceYaml('')).service).toBe('shop/web');
    expect(
      parsed('EndpointSlice', sliceYaml('').replace('kubernetes.io/service-name: web', '')).service,
    ).toBeNull();
  });

  it('[A16] reads missing conditions as ready, serving as ready, not terminating', () => {
    const conditions = (text: string) =>
      parsed('EndpointSlice', sliceYaml(`endpoints: [{addresses: [10.0.0.1]${text}}]`)).endpoints.map(
        ({ ready, serving, terminating }) => [ready, serving, terminating],
      )[0];
    expect(conditions('')).toEqual([true, true, false]);
    expect(conditions(', conditions: {ready: null}')).toEqual([true, true, false]);
    expect(conditions(', conditions: {ready: false}')).toEqual([false, false, false]);
    expect(conditions(', conditions: {ready: false, serving: true, terminating: true}')).toEqual([
      false,
      true,
      true,
    ]);
  });

  it('[A12] keeps an FQDN slice, without endpoints', () => {
    const slice = parsed('EndpointSlice', sliceYaml('endpoints: [{addresses: [db.example.com]}]', 'FQDN'));
    expect(slice).toMatchObject({ addressType: 'FQDN', endpoints: [] });
  });

  it('[A52] [A56] reads zones, hints and targets', () => {
    const endpoint =
      '{addresses: ["fd44::1"], nodeName: n1, zone: a, hostname: web-0, targetRef: {kind: Pod, name: p}, ' +
      'hints: {forZones: [{name: a}, {name: b}], forNodes: [{name: n1}]}}';
    expect(parsed('EndpointSlice', sliceYaml(`endpoints: [${endpoint}]`, 'IPv6')).endpoints).toEqual([
      {
        addresses: ['fd44::1'],
        ready: true,
        serving: true,
        terminating: false,
        nodeName: 'n1',
        zone: 'a',
        hintZones: ['a', 'b'],
        hintNodes: ['n1'],
        targetPod: 'shop/p',
        hostname: 'web-0',
      },
    ]);
  });

  it('reads ports; no number means every port', () => {
    const { ports } = parsed('EndpointSlice', sliceYaml('ports: [{port: 80}, {name: u, protocol: UDP}]'));
    expect(ports).toEqual([
      { name: '', protocol: 'TCP', port: 80 },
      { name: 'u', protocol: 'UDP', port: null },
    ]);
    expect(refusalOf(sliceYaml('ports: [{name: a, port: 1}, {name: a, port: 2}]'))).toEqual([
      'DuplicatePortName ports[1].name',
    ]);
  });

  it('[A11] leaves it to the compiler which well-formed addresses are allowed', () => {
    const yaml = sliceYaml('endpoints: [{addresses: [127.0.0.1]}, {addresses: [169.254.169.254]}]');
    expect(parsed('EndpointSlice', yaml).endpoints.flatMap(({ addresses }) => addresses)).toEqual([
      '127.0.0.1',
      '169.254.169.254',
    ]);
  });

  it('[I5] [I6] is refused with mapped, ambiguous or misplaced addresses', () => {
    const refused = (address: string, type?: string) =>
      refusalOf(sliceYaml(`endpoints: [{addresses: [${address}]}]`, type));
    expect(refused('"::ffff:127.0.0.1"', 'IPv6')).toEqual(['InvalidAddress endpoints[0].addresses[0]']);
    expect(refused('010.0.0.1')).toEqual(['InvalidAddress endpoints[0].addresses[0]']);
    expect(refused('"fd44::1"')).toEqual(['AddressFamilyMismatch endpoints[0].addresses[0]']);
    expect(refused('10.0.0.1', '')).toEqual(['MissingValue addressType']);
    expect(refused('')).toEqual(['MissingValue endpoints[0].addresses']);
  });
});

describe('an Endpoints manifest', () => {
  it('[A8] reads subsets with their ready and unready addresses', () => {
    const yaml =
      'apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\n' +
      'subsets: [{addresses: [{ip: 192.0.2.42, nodeName: n1}], notReadyAddresses: [{ip: "2001:db8::2"}], ports: [{port: 3306}]}]';
    const address = { nodeName: null, targetPod: null, hostname: null };
    expect(parsed('Endpoints', yaml).subsets).toEqual([
      {
        addresses: [{ ...address, address: '192.0.2.42', nodeName: 'n1' }],
        notReadyAddresses: [{ ...address, address: '2001:db8::2' }],
        ports: [{ name: '', protocol: 'TCP', port: 3306 }],
      },
    ]);
  });

  it('[I6] is refused with wrong addresses and ports', () => {
    const yaml =
      'apiVersion: v1\nkind: Endpoints\nmetadata: {name: db}\n' +
      'subsets: [{addresses: [{ip: 1.2.3}, {}], ports: [{name: a}, {port: 80}]}]';
    expect(refusalOf(yaml)).toEqual([
      'InvalidAddress subsets[0].addresses[0].ip',
      'MissingValue subsets[0].addresses[1].ip',
      'MissingValue subsets[0].ports[0].port',
      'MissingName subsets[0].ports[1].name',
    ]);
  });
});
