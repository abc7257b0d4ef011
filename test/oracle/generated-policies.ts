/** Random clusters of three namespaces with three pods each, and random sets of policies over them. */
import fc from 'fast-check';
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../src/model/address.ts';
import type { NodeName, Port, Protocol } from '../../src/model/names.ts';
import type {
  ContainerPort,
  Labels,
  NamespaceObject,
  NodeObject,
  PodObject,
  PolicyObject,
  WeirObject,
} from '../../src/model/objects.ts';
import type {
  LabelRequirement,
  LabelSelector,
  PodSelection,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from '../../src/model/policy.ts';
import {
  clusterNetworkPolicyObject,
  namespaceObject,
  networkPolicyObject,
  nodeObject,
  podObject,
} from '../objects.ts';
import { mostly, rarely } from './generated-choices.ts';

export const NAMESPACES = ['x', 'y', 'z'];
export const NODES = ['n1', 'n2'] as NodeName[];
const POD_NAMES = ['a', 'b', 'c'];
/** Numbers that ranges and named ports are about, and their neighbours. */
const BOUNDARY_PORTS = [0, 1, 79, 80, 81, 443, 8079, 8080, 8081, 32000, 32768, 32769, 65535];
export const askedPorts = fc.shuffledSubarray(BOUNDARY_PORTS, { minLength: 4, maxLength: 4 });

export const address = (text: string): Address => parseAddress(text) as Address;
const prefix = (text: string): Prefix => parsePrefix(text) as Prefix;
/** Outside the cluster; some blocks hold them. */
export const EXTERNALS = ['203.0.113.10', '198.51.100.7', '10.0.0.9', '2001:db8::10', 'fd00:9::1'].map(
  address,
);

const labels: fc.Arbitrary<Labels> = fc
  .record({
    app: fc.constantFrom(undefined, 'web', 'db'),
    tier: fc.constantFrom(undefined, 'front', ''),
  })
  .map(
    (given) => Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Labels,
  );

const containerPorts: fc.Arbitrary<readonly ContainerPort[]> = fc.uniqueArray(
  fc.record({
    name: fc.constantFrom('http', 'dns', ''),
    port: fc.constantFrom(80, 8080, 53).map((port) => port as Port),
    protocol: fc.constantFrom<Protocol>('TCP', 'UDP', 'SCTP'),
    hostPort: fc.constant(null),
    hostIp: fc.constant(null),
  }),
  { maxLength: 3, selector: ({ name, protocol }) => `${name}/${protocol}` },
);

function podOf(namespace: string, name: string, number: number): fc.Arbitrary<PodObject> {
  const own = [address(`10.1.${number % 3}.${number + 1}`), address(`fd00:1::${number + 1}`)];
  return fc
    .record({
      labels,
      ports: containerPorts,
      nodeName: fc.constantFrom(...NODES),
      hostNetwork: rarely(false, true),
      phase: rarely<PodObject['phase']>('Running', 'Succeeded', 'Failed', 'Pending'),
      addresses: mostly(own, own.slice(0, 1), own.slice(1), []),
    })
    .map((part) => podObject({ ...part, namespace, name }));
}

const nodes: fc.Arbitrary<readonly NodeObject[]> = fc.tuple(labels, labels).map((of) =>
  NODES.map((name, index) =>
    nodeObject({
      name,
      labels: of[index] ?? {},
      addresses: [`172.31.0.${index + 1}`, `fd31::${index + 1}`].map((text) => ({
        type: 'InternalIP' as const,
        address: address(text),
      })),
    }),
  ),
);

const namespaces: fc.Arbitrary<readonly NamespaceObject[]> = fc
  .tuple(labels, labels, rarely<boolean>(true, false))
  .map(([first, second, isLastThere]) => [
    namespaceObject({ name: 'x', labels: first }),
    namespaceObject({ name: 'y', labels: second }),
    ...(isLastThere ? [namespaceObject({ name: 'z' })] : []),
  ]);

/** Two pods that have had the same address: the last pod's may be a completed or older pod's too (C19). */
const pods: fc.Arbitrary<readonly PodObject[]> = fc
  .tuple(
    ...NAMESPACES.flatMap((namespace, row) =>
      POD_NAMES.map((name, column) => podOf(namespace, name, row * 3 + column)),
    ),
    rarely(false, true),
  )
  .map((all) => {
    const list = all.slice(0, -1) as PodObject[];
    const [first, last] = [list[0], list.at(-1)];
    if (all.at(-1) === false || first === undefined || last === undefined) return list;
    return [...list.slice(0, -1), { ...last, addresses: first.addresses, createdAtMs: 1 }];
  });

const requirement: fc.Arbitrary<LabelRequirement> = fc.oneof(
  fc.record({
    key: fc.constantFrom('app', 'tier'),
    operator: fc.constantFrom<'In' | 'NotIn'>('In', 'NotIn'),
    values: fc.constantFrom(['web'], ['db'], ['db', 'web'], ['', 'front']),
  }),
  fc.record({
    key: fc.constantFrom('app', 'tier'),
    operator: fc.constantFrom<'Exists' | 'DoesNotExist'>('Exists', 'DoesNotExist'),
    values: fc.constant([]),
  }),
);
const selector: fc.Arbitrary<LabelSelector> = fc.array(requirement, { maxLength: 2 });
const namespaceSelector: fc.Arbitrary<LabelSelector> = fc.oneof(
  { weight: 3, arbitrary: selector },
  {
    weight: 1,
    arbitrary: fc.constantFrom<LabelSelector>(
      [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['x', 'z'] }],
      [{ key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['y'] }],
    ),
  },
);
const selection: fc.Arbitrary<PodSelection> = fc.record({ namespaces: namespaceSelector, pods: selector });

const BLOCKS = [
  { cidr: '0.0.0.0/0', except: [] },
  { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] },
  { cidr: '10.0.0.0/8', except: ['10.1.0.0/24', '10.1.2.0/24'] },
  { cidr: '10.1.0.0/16', except: ['10.1.1.0/25'] },
  { cidr: '10.1.1.0/24', except: [] },
  { cidr: '10.1.0.1/32', except: [] },
  { cidr: '172.31.0.0/30', except: ['172.31.0.1/32'] },
  { cidr: '::/0', except: ['fd00::/8'] },
  { cidr: 'fd00:1::/112', except: ['fd00:1::4/126'] },
  { cidr: 'fd00:1::/120', except: [] },
].map(({ cidr, except }) => ({ cidr: prefix(cidr), except: except.map(prefix) }));

const block = fc.constantFrom(...BLOCKS);

const networkPolicyPort: fc.Arbitrary<PolicyPort> = fc.oneof(
  fc
    .record({
      protocol: fc.constantFrom<Protocol>('TCP', 'UDP', 'SCTP'),
      ends: fc.constantFrom([80, 80], [8080, 8080], [0, 65535], [32000, 32768], [1, 8080], [81, 65535]),
    })
    .map(({ protocol, ends: [first = 0, last = 0] }) => ({ type: 'range' as const, protocol, first, last })),
  fc.record({
    type: fc.constant('named' as const),
    name: fc.constantFrom('http', 'dns', 'nobodys'),
    protocol: fc.constantFrom<Protocol>('TCP', 'UDP', 'SCTP'),
  }),
  fc.constant({ type: 'no-port' as const }),
);
const anyProtocolName: fc.Arbitrary<PolicyPort> = fc
  .constantFrom('http', 'dns')
  .map((name) => ({ type: 'named' as const, name, protocol: null }));

function ruleOf(
  action: fc.Arbitrary<PolicyRule['action']>,
  peer: fc.Arbitrary<PolicyPeer>,
  port: fc.Arbitrary<PolicyPort>,
): fc.Arbitrary<PolicyRule> {
  return fc.record({
    name: fc.constantFrom('', 'rule'),
    action,
    peers: fc.oneof(
      { weight: 1, arbitrary: fc.constant('everybody' as const) },
      { weight: 4, arbitrary: fc.array(peer, { maxLength: 3 }) },
    ),
    ports: fc.oneof(
      { weight: 2, arbitrary: fc.constant('every' as const) },
      { weight: 3, arbitrary: fc.array(port, { maxLength: 3 }) },
    ),
  });
}

function networkPolicy(name: string): fc.Arbitrary<PolicyObject> {
  return fc.constantFrom(...NAMESPACES).chain((namespace) => {
    const peer: fc.Arbitrary<PolicyPeer> = fc.oneof(
      selector.map((of) => ({ type: 'pods' as const, namespaces: namespace, pods: of })),
      selection.map((of) => ({ type: 'pods' as const, ...of })),
      block.map((of) => ({ type: 'networks' as const, blocks: [of] })),
      fc.constant({ type: 'nobody' as const }),
    );
    const rules = fc.array(ruleOf(fc.constant('Accept'), peer, networkPolicyPort), { maxLength: 2 });
    return fc
      .record({
        podSelector: selector,
        ingress: fc.option(rules, { nil: null }),
        egress: fc.option(rules, { nil: null }),
        audit: rarely(false, true),
      })
      .map((part) => networkPolicyObject({ ...part, namespace, name }));
  });
}

function clusterNetworkPolicy(name: string): fc.Arbitrary<PolicyObject> {
  const inside: fc.Arbitrary<PolicyPeer> = selection.map((of) => ({ type: 'pods' as const, ...of }));
  const outside: fc.Arbitrary<PolicyPeer> = fc.oneof(
    { weight: 2, arbitrary: inside },
    { weight: 1, arbitrary: selector.map((of) => ({ type: 'nodes' as const, nodes: of })) },
    {
      weight: 2,
      arbitrary: fc
        .array(block, { minLength: 1, maxLength: 2 })
        .map((blocks) => ({ type: 'networks' as const, blocks })),
    },
  );
  const action = fc.constantFrom<PolicyRule['action']>('Accept', 'Deny', 'Pass');
  const port = fc.oneof(networkPolicyPort, anyProtocolName);
  return fc
    .record({
      tier: fc.constantFrom<'Admin' | 'Baseline'>('Admin', 'Baseline'),
      priority: fc.constantFrom(0, 1, 1000),
      subject: selection,
      ingress: fc.array(ruleOf(action, inside, port), { maxLength: 3 }),
      egress: fc.array(ruleOf(action, outside, port), { maxLength: 3 }),
      audit: rarely(false, true),
    })
    .map((part) => clusterNetworkPolicyObject({ ...part, name }));
}

/** One to six policies of both kinds. */
export const policySets: fc.Arbitrary<readonly PolicyObject[]> = fc
  .tuple(fc.array(fc.nat(1), { minLength: 1, maxLength: 6 }))
  .chain(([kinds]) =>
    fc.tuple(
      ...kinds.map((kind, index) =>
        kind === 0 ? networkPolicy(`p${index}`) : clusterNetworkPolicy(`p${index}`),
      ),
    ),
  );

/** A cluster with its policies. */
export const policyClusters: fc.Arbitrary<readonly WeirObject[]> = fc
  .record({ nodes, namespaces, pods, policies: policySets })
  .map(({ nodes: of, namespaces: spaces, pods: all, policies }) => [...of, ...spaces, ...all, ...policies]);
