/**
 * What the text of the two policy APIs says must happen to a new connection, read off the objects one by one. Written to
 * be compared with the text, not to be fast; it knows nothing of classes, rows or indexes.
 */
import { type Address, type Prefix, prefixContains } from '../../src/model/address.ts';
import type { Protocol } from '../../src/model/names.ts';
import type {
  ClusterNetworkPolicyObject,
  Labels,
  NamespaceObject,
  NetworkPolicyObject,
  NodeObject,
  PodObject,
  PolicyObject,
  WeirObject,
} from '../../src/model/objects.ts';
import type {
  LabelSelector,
  PodSelection,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from '../../src/model/policy.ts';
import type { Direction } from '../../src/model/policy-rows.ts';

/** A connection that a pod receives (ingress) or opens (egress). */
export interface PolicyCase {
  readonly subject: PodObject;
  readonly direction: Direction;
  readonly peer: Address;
  /** null: a protocol without ports, such as ICMP. */
  readonly protocol: Protocol | null;
  /** Of the destination. */
  readonly port: number;
}

export interface PolicyExpectation {
  readonly verdict: 'allow' | 'deny';
  /** Some policy (of those that count) applies to the pod. */
  readonly selected: boolean;
  /** What an audited policy would have denied, had it been enforced. */
  readonly auditDenies: boolean;
}

export interface PolicyCluster {
  readonly namespaces: readonly NamespaceObject[];
  readonly nodes: readonly NodeObject[];
  readonly pods: readonly PodObject[];
  readonly policies: readonly PolicyObject[];
}

export function policyClusterOf(objects: readonly WeirObject[]): PolicyCluster {
  return {
    namespaces: objects.filter((object) => object.kind === 'Namespace'),
    nodes: objects.filter((object) => object.kind === 'Node'),
    pods: objects.filter((object) => object.kind === 'Pod'),
    policies: objects.filter(
      (object) => object.kind === 'NetworkPolicy' || object.kind === 'ClusterNetworkPolicy',
    ),
  };
}

export function expectPolicy(cluster: PolicyCluster, asked: PolicyCase): PolicyExpectation {
  const enforced = { ...cluster, policies: cluster.policies.filter(({ audit }) => !audit) };
  const verdict = verdictOf(enforced, asked);
  return {
    verdict,
    selected: cluster.policies.some((policy) => appliesTo(cluster, policy, asked.subject)),
    auditDenies: verdict === 'allow' && verdictOf(cluster, asked) === 'deny',
  };
}

/** Admin tier, then NetworkPolicy, then Baseline; what nobody decided is allowed. */
function verdictOf(cluster: PolicyCluster, asked: PolicyCase): 'allow' | 'deny' {
  const ofAdmin = tierVerdict(cluster, 'Admin', asked);
  if (ofAdmin !== 'undecided') return ofAdmin;
  const isolating = cluster.policies.filter(
    (policy): policy is NetworkPolicyObject =>
      policy.kind === 'NetworkPolicy' &&
      policy[asked.direction] !== null &&
      appliesTo(cluster, policy, asked.subject),
  );
  // "Further evaluation only happens for Pods not selected by a v1.NetworkPolicy."
  if (isolating.length > 0) {
    const rules = isolating.flatMap((policy) => policy[asked.direction] ?? []);
    return rules.some((rule) => ruleMatches(cluster, rule, asked)) ? 'allow' : 'deny';
  }
  const ofBaseline = tierVerdict(cluster, 'Baseline', asked);
  return ofBaseline === 'undecided' ? 'allow' : ofBaseline;
}

/** "Policies with lower priority values have higher precedence"; Pass leaves the tier. */
function tierVerdict(
  cluster: PolicyCluster,
  tier: 'Admin' | 'Baseline',
  asked: PolicyCase,
): 'allow' | 'deny' | 'undecided' {
  const policies = cluster.policies
    .filter((policy): policy is ClusterNetworkPolicyObject => policy.kind === 'ClusterNetworkPolicy')
    .filter((policy) => policy.tier === tier && appliesTo(cluster, policy, asked.subject))
    // With equal priorities the API leaves the choice to us: the first by name.
    .sort((a, b) => a.priority - b.priority || (a.name < b.name ? -1 : 1));
  for (const policy of policies)
    for (const rule of policy[asked.direction]) {
      if (!ruleMatches(cluster, rule, asked)) continue;
      if (rule.action === 'Pass') return 'undecided';
      return rule.action === 'Accept' ? 'allow' : 'deny';
    }
  return 'undecided';
}

function appliesTo(cluster: PolicyCluster, policy: PolicyObject, pod: PodObject): boolean {
  if (policy.kind === 'NetworkPolicy')
    return isSelected(cluster, { namespaces: policy.namespace, pods: policy.podSelector }, pod);
  return isSelected(cluster, policy.subject, pod);
}

function isSelected(cluster: PolicyCluster, { namespaces, pods }: PodSelection, pod: PodObject): boolean {
  if (pod.hostNetwork || pod.phase === 'Succeeded' || pod.phase === 'Failed') return false;
  const inNamespace =
    typeof namespaces === 'string'
      ? pod.namespace === namespaces
      : hasLabels(namespaces, namespaceLabels(cluster, pod.namespace));
  return inNamespace && hasLabels(pods, pod.labels);
}

/** "Set by the API server (part of the control plane) on all namespaces … The value is the name of the namespace." */
function namespaceLabels({ namespaces }: PolicyCluster, name: string): Labels {
  const namespace = namespaces.find((each) => each.name === name);
  return { ...namespace?.labels, 'kubernetes.io/metadata.name': name };
}

function hasLabels(selector: LabelSelector, labels: Labels): boolean {
  for (const { key, operator, values } of selector) {
    const value = labels[key];
    switch (operator) {
      case 'In':
        if (value === undefined || !values.includes(value)) return false;
        break;
      case 'NotIn':
        if (value !== undefined && values.includes(value)) return false;
        break;
      case 'Exists':
        if (value === undefined) return false;
        break;
      case 'DoesNotExist':
        if (value !== undefined) return false;
    }
  }
  return true;
}

function ruleMatches(cluster: PolicyCluster, rule: PolicyRule, asked: PolicyCase): boolean {
  const fromPeer =
    rule.peers === 'everybody' || rule.peers.some((peer) => peerMatches(cluster, peer, asked.peer));
  const toPort = rule.ports === 'every' || rule.ports.some((port) => portMatches(cluster, port, asked));
  return fromPeer && toPort;
}

function peerMatches(cluster: PolicyCluster, peer: PolicyPeer, address: Address): boolean {
  switch (peer.type) {
    case 'pods': {
      const pod = podAt(cluster, address);
      return pod !== undefined && isSelected(cluster, peer, pod);
    }
    case 'nodes':
      return cluster.nodes.some(
        (node) =>
          node.addresses.some((each) => each.address === address) && hasLabels(peer.nodes, node.labels),
      );
    case 'networks':
      return peer.blocks.some(
        ({ cidr, except }) =>
          prefixContains(cidr, address) && !except.some((hole: Prefix) => prefixContains(hole, address)),
      );
    case 'nobody':
      return false;
  }
}

/** Who has the address now: ended pods have given theirs back, and the newest owner is the present one. */
function podAt({ pods }: PolicyCluster, address: Address): PodObject | undefined {
  const owners = pods.filter(
    (pod) =>
      pod.addresses.includes(address) &&
      !pod.hostNetwork &&
      pod.phase !== 'Succeeded' &&
      pod.phase !== 'Failed',
  );
  const age = (pod: PodObject) => pod.createdAtMs ?? Number.MAX_SAFE_INTEGER;
  const inOrder = owners.sort((a, b) =>
    a.deleting !== b.deleting
      ? Number(a.deleting) - Number(b.deleting)
      : age(b) - age(a) || (`${a.namespace}/${a.name}` < `${b.namespace}/${b.name}` ? -1 : 1),
  );
  return inOrder[0];
}

function portMatches(cluster: PolicyCluster, port: PolicyPort, asked: PolicyCase): boolean {
  if (asked.protocol === null || port.type === 'no-port') return false;
  if (port.type === 'range')
    return port.protocol === asked.protocol && port.first <= asked.port && asked.port <= port.last;
  if (port.protocol !== null && port.protocol !== asked.protocol) return false;
  // Named ports belong to the pod that is reached.
  const server = asked.direction === 'ingress' ? asked.subject : podAt(cluster, asked.peer);
  const named = server?.ports.find(({ name, protocol }) => name === port.name && protocol === asked.protocol);
  return named?.port === asked.port;
}
