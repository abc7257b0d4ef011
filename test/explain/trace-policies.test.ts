import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import { compileAll } from '../../src/compile/services/compiler.ts';
import { traceManifests, traceRows } from '../../src/explain/trace.ts';
import type { TraceAnswer } from '../../src/explain/trace-line.ts';
import type { Prefix } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type { NetworkPolicyObject, PodObject, WeirObject } from '../../src/model/objects.ts';
import type { LabelSelector, PolicyPeer, PolicyPort, PolicyRule } from '../../src/model/policy.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { createWorld } from '../../src/world/world.ts';
import { COMPILE_DEFAULTS } from '../compile-options.ts';
import {
  clusterNetworkPolicyObject,
  namespaceObject,
  networkPolicyObject,
  nodeObject,
  podObject,
  serviceObject,
  servicePort,
  sliceEndpoint,
  sliceObject,
} from '../objects.ts';
import { address } from '../oracle/generated-policies.ts';

const NODES = ['n1', 'n2'].map((name, index) =>
  nodeObject({
    name,
    podCidrs: [`10.1.${index}.0/24` as never],
    addresses: [{ type: 'InternalIP', address: address(`172.31.0.${index + 1}`) }],
  }),
);

function pod(name: string, app: string, node: number, part: Partial<PodObject> = {}): PodObject {
  const number = name.charCodeAt(0);
  return podObject({
    namespace: 'shop',
    name,
    labels: { app },
    nodeName: `n${node}` as NodeName,
    addresses: [address(`10.1.${node - 1}.${number}`)],
    ports: [{ name: 'http', port: 8080 as Port, protocol: 'TCP', hostPort: null, hostIp: null }],
    ...part,
  });
}

const CLUSTER: readonly WeirObject[] = [
  ...NODES,
  namespaceObject({ name: 'shop', labels: { team: 'a' } }),
  namespaceObject({ name: 'other', labels: { team: 'b' } }),
  pod('a', 'client', 1),
  pod('b', 'web', 2),
  pod('c', 'web', 1),
  pod('o', 'client', 1, { namespace: 'other' }),
  pod('h', 'client', 1, { hostNetwork: true, addresses: [address('172.31.0.1')] }),
  serviceObject({
    namespace: 'shop',
    name: 'web',
    clusterIps: [address('10.96.0.7')],
    ports: [servicePort({ port: 80 as Port, targetPort: 8080 as Port })],
  }),
  sliceObject({
    namespace: 'shop',
    name: 'web-1',
    service: 'shop/web' as never,
    ports: [{ name: '', protocol: 'TCP', port: 8080 as Port }],
    endpoints: [
      sliceEndpoint({ address: '10.1.1.98', nodeName: 'n2' as NodeName }),
      sliceEndpoint({ address: '10.1.0.99', nodeName: 'n1' as NodeName }),
    ],
  }),
];

const label = (key: string, value: string): LabelSelector => [{ key, operator: 'In', values: [value] }];
const inShop = (app: string): PolicyPeer => ({ type: 'pods', namespaces: 'shop', pods: label('app', app) });
const tcp = (first: number, last = first): PolicyPort => ({ type: 'range', protocol: 'TCP', first, last });
const rule = (
  peers: PolicyRule['peers'],
  ports: PolicyRule['ports'] = 'every',
  action: PolicyRule['action'] = 'Accept',
): PolicyRule => ({ name: '', action, peers, ports });
const policy = (part: Partial<NetworkPolicyObject>) =>
  networkPolicyObject({ namespace: 'shop', name: 'p', podSelector: label('app', 'web'), ...part });

function traced(policies: readonly WeirObject[], request: object): TraceAnswer {
  const [line, ...others] = traceManifests({
    objects: [...CLUSTER, ...policies],
    requests: [parseProbeRequest({ from: 'shop/a', ...request })],
    options: { compile: COMPILE_DEFAULTS, node: null },
  });
  if (line === undefined || others.length > 0) throw new Error('expected one line');
  if ('error' in line) throw new Error(line.error);
  return line;
}

const toPod = { to: 'shop/b', port: 8080 };
const ALLOWED = { verdict: 'allowed', rule: null, isolatedBy: [], nearest: null, auditDeniedBy: [] };

describe('policies in a trace', () => {
  it('[C1] has no say where no policy selects an end, nor where the end is no pod', () => {
    expect(traced([], toPod)).toMatchObject({ verdict: 'allowed', egress: ALLOWED, ingress: ALLOWED });
    expect(traced([], { from: 'external', ...toPod })).toMatchObject({ egress: null, ingress: ALLOWED });
    expect(traced([], { to: '172.31.0.2', port: 22 })).toMatchObject({ egress: ALLOWED, ingress: null });
    expect(traced([], { from: 'shop/h', ...toPod })).toMatchObject({ egress: null, ingress: ALLOWED });
  });

  it('[C15] [A25] judges what leaves for another node’s node port as the backend, or as that node where that translates it', () => {
    const onlyWeb = policy({
      podSelector: label('app', 'client'),
      ingress: null,
      egress: [rule([inShop('web')])],
    });
    const served = (externalTrafficPolicy: 'Local' | 'Cluster') => [
      serviceObject({
        namespace: 'shop',
        name: 'ported',
        type: 'NodePort',
        externalTrafficPolicy,
        clusterIps: [address('10.96.0.8')],
        ports: [servicePort({ port: 80 as Port, targetPort: 8080 as Port, nodePort: 30080 as Port })],
      }),
      sliceObject({
        namespace: 'shop',
        name: 'ported-1',
        service: 'shop/ported' as never,
        ports: [{ name: '', protocol: 'TCP', port: 8080 as Port }],
        endpoints: [sliceEndpoint({ address: '10.1.1.98', nodeName: 'n2' as NodeName })],
      }),
    ];
    const asked = { to: 'nodeport:n2:30080' };
    expect(traced([onlyWeb, ...served('Cluster')], asked)).toMatchObject({ verdict: 'allowed' });
    expect(traced([onlyWeb, ...served('Local')], asked)).toMatchObject({
      verdict: 'blocked',
      egress: { verdict: 'denied', isolatedBy: ['NetworkPolicy shop/p'] },
    });
  });

  it('[C4] judges both ends, wherever they are, and names the rule that let it through', () => {
    const open = policy({ ingress: [rule([inShop('db'), inShop('client')], [tcp(80), tcp(8080)])] });
    expect(traced([open], toPod)).toMatchObject({
      verdict: 'allowed',
      answeredBy: 'shop/b',
      egress: ALLOWED,
      ingress: {
        verdict: 'allowed',
        rule: {
          policy: 'NetworkPolicy shop/p',
          tier: 'NetworkPolicy',
          path: 'spec.ingress[0].from[1].ports[1]',
          action: 'Accept',
        },
      },
      why: expect.stringContaining(
        'ingress allowed by NetworkPolicy shop/p spec.ingress[0].from[1].ports[1]',
      ),
    });
    const closed = policy({ name: 'q', podSelector: label('app', 'client'), ingress: null, egress: [] });
    expect(traced([open, closed], toPod)).toMatchObject({
      verdict: 'blocked',
      answeredBy: null,
      egress: { verdict: 'denied', rule: null, isolatedBy: ['NetworkPolicy shop/q'], nearest: null },
      ingress: { verdict: 'allowed' },
    });
  });

  it('[C15] judges the backend behind a Service, not its address and port', () => {
    const egress = (ports: readonly PolicyPort[]) =>
      policy({ podSelector: label('app', 'client'), ingress: null, egress: [rule([inShop('web')], ports)] });
    const toService = { to: 'svc:shop/web' };
    expect(traced([egress([tcp(8080)])], toService)).toMatchObject({ verdict: 'allowed', denied: [] });
    expect(traced([egress([tcp(80)])], toService)).toMatchObject({
      verdict: 'blocked',
      service: 'shop/web',
      denied: ['10.1.0.99:8080', '10.1.1.98:8080'],
      egress: { nearest: { path: 'spec.egress[0].to[0].ports[0]', missed: [{ field: 'port' }] } },
    });
  });

  it('tells which of several backends are denied', () => {
    const one = policy({ podSelector: label('only', 'b') });
    const objects = [
      ...CLUSTER.filter((object) => object.name !== 'b'),
      pod('b', 'web', 2, { labels: { app: 'web', only: 'b' } }),
      one,
    ];
    const [line] = traceManifests({
      objects,
      requests: [parseProbeRequest({ from: 'shop/a', to: 'svc:shop/web' })],
      options: { compile: COMPILE_DEFAULTS, node: null },
    });
    expect(line).toMatchObject({
      verdict: 'allowed',
      denied: ['10.1.1.98:8080'],
      ingress: { verdict: 'denied' },
      why: expect.stringContaining('policies deny 1 of 2'),
    });
  });

  it('[C12][C13] a pod reaches itself and is reached by its own node, not by others', () => {
    const closed = policy({ ingress: [], egress: [] });
    expect(traced([closed], { from: 'shop/b', ...toPod })).toMatchObject({ verdict: 'allowed' });
    expect(traced([closed], { from: 'node/n2', ...toPod })).toMatchObject({
      verdict: 'allowed',
      ingress: ALLOWED,
    });
    expect(traced([closed], { from: 'node/n1', ...toPod })).toMatchObject({ verdict: 'blocked' });
    expect(traced([closed], { from: 'shop/h', to: 'shop/c', port: 8080 })).toMatchObject({
      verdict: 'allowed',
    });
    expect(traced([closed], { from: 'shop/h', ...toPod })).toMatchObject({ verdict: 'blocked' });
  });

  it('[C22] an echo request passes only rules without ports', () => {
    const echo = { to: 'shop/b', protocol: 'icmp' };
    const open = rule([inShop('client')]);
    expect(traced([policy({ ingress: [open] })], echo)).toMatchObject({ verdict: 'allowed' });
    const withPort = policy({ ingress: [rule([inShop('client')], [tcp(0, 65535)])] });
    expect(traced([withPort], echo)).toMatchObject({
      verdict: 'blocked',
      ingress: { nearest: { missed: [{ field: 'protocol', found: 'a protocol without ports' }] } },
    });
  });

  it('[A68] [C15] a ping of a Service is one of the node that answers it', () => {
    const ping = { to: 'svc:shop/web', protocol: 'icmp' };
    const opening = (cidr: string) => {
      const networks: PolicyPeer = { type: 'networks', blocks: [{ cidr: cidr as Prefix, except: [] }] };
      return policy({ podSelector: label('app', 'client'), ingress: null, egress: [rule([networks])] });
    };
    expect(traced([opening('172.31.0.1/32')], ping)).toMatchObject({ verdict: 'allowed' });
    expect(traced([opening('10.96.0.0/16')], ping)).toMatchObject({
      verdict: 'blocked',
      egress: { verdict: 'denied' },
    });
  });

  it.each<[string, PolicyRule, object, object]>([
    ['port', rule([inShop('client')], [tcp(80)]), { wanted: 'TCP 80', found: 'TCP 8080' }, {}],
    [
      'protocol',
      rule('everybody', [{ type: 'range', protocol: 'UDP', first: 8080, last: 8080 }]),
      { wanted: 'UDP 8080', found: 'TCP 8080' },
      {},
    ],
    ['podSelector', rule([inShop('db')], [tcp(8080)]), { wanted: 'app=db', found: 'app=client' }, {}],
    [
      'namespaceSelector',
      rule([{ type: 'pods', namespaces: label('team', 'a'), pods: [] }]),
      { wanted: 'team=a', found: 'team=b' },
      { from: 'other/o' },
    ],
    [
      'namespaceSelector',
      rule([inShop('client')]),
      { wanted: 'kubernetes.io/metadata.name=shop', found: 'kubernetes.io/metadata.name=other' },
      { from: 'other/o' },
    ],
    [
      'ipBlock',
      rule([
        { type: 'networks', blocks: [{ cidr: '10.1.0.0/16' as never, except: ['10.1.0.0/24' as never] }] },
      ]),
      { wanted: '10.1.0.0/16 except 10.1.0.0/24', found: '10.1.0.97' },
      {},
    ],
    [
      'port',
      rule('everybody', [{ type: 'named', name: 'admin', protocol: 'TCP' }]),
      { wanted: 'admin (the pod has no such port)', found: 'TCP 8080' },
      {},
    ],
  ])('[F12] says that the nearest rule misses by %s', (field, only, miss, request) => {
    const far = rule([inShop('nobody')], [tcp(1)]);
    const line = traced([policy({ ingress: [far, only] })], { ...toPod, ...request });
    expect(line.ingress).toMatchObject({
      verdict: 'denied',
      isolatedBy: ['NetworkPolicy shop/p'],
      nearest: { policy: 'NetworkPolicy shop/p', missed: [{ field, ...miss }] },
    });
    expect(line.ingress?.nearest?.path).toMatch(/^spec\.ingress\[1\]/);
  });

  it('[C25] names the cluster policy that denies, and what audited ones would deny [C29]', () => {
    const deny = clusterNetworkPolicyObject({
      name: 'guard',
      egress: [{ ...rule([inShop('web')], 'every', 'Deny'), name: 'no web' }],
    });
    expect(traced([deny], toPod)).toMatchObject({
      verdict: 'blocked',
      egress: {
        verdict: 'denied',
        rule: {
          policy: 'ClusterNetworkPolicy guard',
          tier: 'Admin',
          path: 'spec.egress[0].to[0]',
          name: 'no web',
        },
        isolatedBy: [],
        nearest: null,
      },
    });
    expect(traced([{ ...deny, audit: true }, policy({ audit: true })], toPod)).toMatchObject({
      verdict: 'allowed',
      egress: { verdict: 'allowed', auditDeniedBy: ['ClusterNetworkPolicy guard spec.egress[0].to[0]'] },
      ingress: { verdict: 'allowed', auditDeniedBy: ['NetworkPolicy shop/p'] },
      why: expect.stringContaining('would be denied by'),
    });
  });

  it('[C23] judges the client that the backend’s node sees: the other node’s address where it masquerades', () => {
    const fromNode = policy({
      ingress: [rule([{ type: 'networks', blocks: [{ cidr: '172.31.0.1/32' as never, except: [] }] }])],
    });
    const objects = CLUSTER.map((object) =>
      object.kind === 'Service'
        ? {
            ...object,
            type: 'NodePort' as const,
            ports: [{ ...servicePort({ port: 80 as Port }), nodePort: 30080 as Port }],
          }
        : object,
    );
    const [line] = traceManifests({
      objects: [...objects, fromNode],
      requests: [parseProbeRequest({ from: 'external', to: 'nodeport:n1:30080' })],
      options: { compile: COMPILE_DEFAULTS, node: null },
    });
    // The backend here sees the client itself, the one on the other node sees this node.
    expect(line).toMatchObject({ verdict: 'allowed', denied: ['10.1.0.99:8080'] });
  });

  it('[C8] tells of port names that nobody has, for the nodes that are asked', () => {
    const named = policy({
      ingress: [rule('everybody', [{ type: 'named', name: 'admin', protocol: 'TCP' }])],
    });
    const reasons: string[] = [];
    traceManifests({
      objects: [...CLUSTER, named],
      requests: [parseProbeRequest({ from: 'shop/a', ...toPod })],
      options: { compile: COMPILE_DEFAULTS, node: null },
      onProblems: (problems) => reasons.push(...problems.map(({ reason }) => reason)),
    });
    // Both nodes have a pod that the policy selects.
    expect(reasons).toEqual(['UnknownPortName', 'UnknownPortName']);
  });

  it('reads the rows: without its verdict row the answer is another', () => {
    const objects = [...CLUSTER, policy({ ingress: [rule([inShop('client')])] })];
    const world = createWorld();
    world.apply(objects.map((object) => ({ type: 'set', object })));
    const verdict = (isRemoved: boolean) => {
      const [line] = traceRows({
        objects,
        requests: [parseProbeRequest({ from: 'shop/a', ...toPod })],
        node: null,
        rowsOf: (node) => compileAll(world.view, { ...COMPILE_DEFAULTS, node }).rows,
        policyRowsOf(node) {
          const { rows } = compilePolicies(world.view, node);
          return isRemoved ? { ...rows, peers: new Map() } : rows;
        },
      });
      return line !== undefined && 'verdict' in line ? line.verdict : null;
    };
    expect([verdict(false), verdict(true)]).toEqual(['allowed', 'blocked']);
  });
});
