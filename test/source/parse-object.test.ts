import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseObject } from '../../src/source/parse-object.ts';
import { parsed, problemsOf, refusalOf } from './parsing.ts';

const API_VERSIONS: Readonly<Record<string, string>> = {
  EndpointSlice: 'discovery.k8s.io/v1',
  ServiceCIDR: 'networking.k8s.io/v1',
  NetworkPolicy: 'networking.k8s.io/v1',
  ClusterNetworkPolicy: 'policy.networking.k8s.io/v1alpha2',
};

const KINDS = [
  'Namespace',
  'Node',
  'Pod',
  'Service',
  'ServiceCIDR',
  'EndpointSlice',
  'Endpoints',
  'NetworkPolicy',
  'ClusterNetworkPolicy',
];

const FIELD_NAMES = [
  'spec',
  'status',
  'metadata',
  'name',
  'ports',
  'port',
  'addresses',
  'endpoints',
  'subsets',
  'podIPs',
  'ingress',
  'egress',
  'from',
  'podSelector',
  'matchLabels',
  'matchExpressions',
  'subject',
  'protocols',
];

describe('parseObject', () => {
  it('takes what a server serves though it breaks a rule for what is written, and warns', () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'web' },
      spec: { ports: [{ port: 80 }], externalTrafficPolicy: 'Local' },
    };
    expect(parseObject(service, 'a.yaml')).toMatchObject({
      type: 'refused',
      problems: [{ severity: 'error' }],
    });
    expect(parseObject(service, null)).toMatchObject({
      type: 'object',
      problems: [{ severity: 'warning', field: 'spec.externalTrafficPolicy' }],
    });
  });

  it('skips kinds it does not use, also those that only share a name', () => {
    const skipped = (apiVersion: string, kind: string) =>
      parseObject({ apiVersion, kind, metadata: { name: 'x' } }, null);
    expect(skipped('networking.k8s.io/v1', 'Ingress')).toEqual({
      type: 'skipped',
      kind: 'Ingress',
    });
    expect(skipped('serving.knative.dev/v1', 'Service')).toEqual({
      type: 'skipped',
      kind: 'Service.serving.knative.dev/v1',
    });
  });

  it('says what a document lacks to be an object', () => {
    const problems = (raw: unknown) => {
      const result = parseObject(raw, 'x.yaml');
      return result.type === 'refused'
        ? result.problems.map(({ reason, field }) => `${reason} ${field}`)
        : [];
    };
    expect(problems('text')).toEqual(['InvalidType ']);
    expect(problems([])).toEqual(['InvalidType ']);
    expect(problems({ metadata: { name: 'x' } })).toEqual(['MissingValue kind']);
    expect(problems({ kind: 'Node', metadata: { name: 'x' } })).toEqual(['MissingValue apiVersion']);
    expect(problems({ kind: 'Node', apiVersion: 'v1' })).toEqual(['MissingName metadata.name']);
    expect(problems({ kind: 'Node', apiVersion: 'v1', metadata: { generateName: 'x-' } })).toEqual([
      'MissingName metadata.name',
    ]);
  });

  it('names a refused object, so that its last good state can go on', () => {
    const raw = { kind: 'Service', apiVersion: 'v1', metadata: { name: 'web' }, spec: {} };
    expect(parseObject(raw, 'a.yaml')).toMatchObject({ type: 'refused', key: 'Service/default/web' });
    const [problem] = problemsOf('{kind: Service, apiVersion: v1, metadata: {name: web}, spec: {}}');
    expect(problem?.object).toEqual({ kind: 'Service', namespace: 'default', name: 'web' });
  });

  it('checks names as the API server does', () => {
    const named = (kind: string, name: string) =>
      `{kind: ${kind}, apiVersion: v1, metadata: {name: ${name}}}`;
    expect(refusalOf(named('Node', 'Node_1'))).toEqual(['InvalidName metadata.name']);
    expect(refusalOf(named('Namespace', 'a.b'))).toEqual(['InvalidName metadata.name']);
    expect(refusalOf(named('Node', '1'))).toEqual(['InvalidType metadata.name']);
    expect(parsed('Node', named('Node', 'node-1.example.com')).namespace).toBe('');
    expect(refusalOf('{kind: Pod, apiVersion: v1, metadata: {name: p, namespace: Shop}}')).toEqual([
      'InvalidName metadata.namespace',
    ]);
  });

  it('reads times in milliseconds', () => {
    const node = (time: string) =>
      `{kind: Node, apiVersion: v1, metadata: {name: n, creationTimestamp: ${time}}}`;
    expect(parsed('Node', node('"1970-01-01T00:00:01Z"')).createdAtMs).toBe(1000);
    expect(parsed('Node', node('null')).createdAtMs).toBeNull();
    expect(refusalOf(node('yesterday'))).toEqual(['InvalidTime metadata.creationTimestamp']);
  });

  it('reads a node: pod networks, addresses that are addresses, schedulability', () => {
    const node = parsed(
      'Node',
      '{kind: Node, apiVersion: v1, metadata: {name: n}, spec: {podCIDRs: [10.244.1.0/24, "fd44:1::/64"], unschedulable: true}, ' +
        'status: {addresses: [{type: Hostname, address: n}, {type: InternalIP, address: 172.31.0.1}, {type: ExternalIP, address: "2001:db8::1"}]}}',
    );
    expect(node).toMatchObject({
      podCidrs: ['10.244.1.0/24', 'fd44:1::/64'],
      unschedulable: true,
      addresses: [
        { type: 'InternalIP', address: '172.31.0.1' },
        { type: 'ExternalIP', address: '2001:db8::1' },
      ],
    });
    const single = '{kind: Node, apiVersion: v1, metadata: {name: n}, spec: {podCIDR: 10.244.1.0/24}}';
    expect(parsed('Node', single).podCidrs).toEqual(['10.244.1.0/24']);
    expect(refusalOf(single.replace('1.0/24', '1.7/24'))).toEqual(['InvalidCIDR spec.podCIDR']);
  });

  it('never throws, and refuses with a field, a message and a remedy', () => {
    const kinds = fc.constantFrom(...KINDS);
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        fc.constantFrom<unknown>(
          null,
          true,
          0,
          80,
          70000,
          '',
          'None',
          'a',
          '10.0.0.1',
          '::ffff:1.2.3.4',
          'Local',
        ),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom(...FIELD_NAMES), tie('tree'), { maxKeys: 5 }),
      ),
    }));
    const property = fc.property(
      kinds,
      fc.dictionary(fc.constantFrom(...FIELD_NAMES), tree),
      (kind, fields) => {
        const apiVersion = API_VERSIONS[kind] ?? 'v1';
        const result = parseObject({ metadata: { name: 'x' }, ...fields, kind, apiVersion }, null);
        if (result.type !== 'refused') return;
        expect(result.problems.some(({ severity }) => severity === 'error')).toBe(true);
        for (const { message, remedy } of result.problems) expect([message, remedy]).not.toContain('');
      },
    );
    fc.assert(property, { numRuns: 500 });
  });
});
