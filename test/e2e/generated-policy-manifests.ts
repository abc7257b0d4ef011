/** Random policies of the oracle's generator as manifests. What the API can't say becomes something near it. */
import type { PolicyObject } from '../../src/model/objects.ts';
import type {
  LabelSelector,
  PodSelection,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from '../../src/model/policy.ts';
import type { Manifest } from './manifests.ts';
import { clusterPolicy, networkPolicy } from './policy-manifests.ts';

/** Accepted by the API's rules, but for what is meant not to be understood. */
export function policyManifest(policy: PolicyObject): Manifest {
  const annotations = { 'weir.dev/audit': String(policy.audit) };
  if (policy.kind === 'ClusterNetworkPolicy') {
    const { name, priority, tier, subject, ingress, egress } = policy;
    const manifest = clusterPolicy(name, priority, {
      tier,
      subject: { pods: selectionJson(subject) },
      ingress: ingress.map((rule) => clusterRuleJson(rule, 'from')),
      egress: egress.map((rule) => clusterRuleJson(rule, 'to')),
    });
    return { ...manifest, metadata: { ...(manifest.metadata as object), annotations } };
  }
  const { name, namespace, podSelector, ingress, egress } = policy;
  const policyTypes = [...(ingress === null ? [] : ['Ingress']), ...(egress === null ? [] : ['Egress'])];
  const spec = {
    podSelector: selectorJson(podSelector),
    policyTypes: policyTypes.length === 0 ? ['Ingress'] : policyTypes,
    ingress: (ingress ?? []).map((rule) => ruleJson(rule, 'from')),
    egress: (egress ?? []).map((rule) => ruleJson(rule, 'to')),
  };
  return networkPolicy(name, spec, { namespace, annotations });
}

function selectorJson(selector: LabelSelector): object {
  return {
    matchExpressions: selector.map(({ key, operator, values }) =>
      values.length === 0 ? { key, operator } : { key, operator, values },
    ),
  };
}

function selectionJson({ namespaces, pods }: PodSelection): object {
  const own = { podSelector: selectorJson(pods) };
  return typeof namespaces === 'string' ? own : { ...own, namespaceSelector: selectorJson(namespaces) };
}

/** An empty list would mean all; what is not understood means none. */
function listJson<Item>(list: readonly Item[], json: (item: Item) => object): readonly object[] {
  return list.length === 0 ? [{}] : list.map(json);
}

function ruleJson({ peers, ports }: PolicyRule, side: 'from' | 'to'): object {
  return {
    ...(peers === 'everybody' ? {} : { [side]: listJson(peers, peerJson) }),
    ...(ports === 'every' ? {} : { ports: listJson(ports, portJson) }),
  };
}

function peerJson(peer: PolicyPeer): object {
  if (peer.type === 'pods') return selectionJson(peer);
  return peer.type === 'networks' ? { ipBlock: peer.blocks[0] } : {};
}

function portJson(port: PolicyPort): object {
  if (port.type === 'named') return { port: port.name, protocol: port.protocol ?? 'TCP' };
  if (port.type === 'no-port') return { port: 70_000 };
  const { protocol, first, last } = port;
  if (first === 0) return { protocol };
  return first === last ? { protocol, port: first } : { protocol, port: first, endPort: last };
}

function clusterRuleJson({ name, action, peers, ports }: PolicyRule, side: 'from' | 'to'): object {
  const everybody = [{ pods: { namespaceSelector: {}, podSelector: {} } }];
  const withNames = peers === 'everybody' || peers.every(({ type }) => type === 'pods');
  return {
    name,
    action,
    [side]: peers === 'everybody' || peers.length === 0 ? everybody : peers.map(clusterPeerJson),
    ...(ports === 'every' || ports.length === 0
      ? {}
      : { protocols: ports.map((port) => protocolJson(port, withNames)) }),
  };
}

function clusterPeerJson(peer: PolicyPeer): object {
  if (peer.type === 'pods') return { pods: selectionJson(peer) };
  if (peer.type === 'nodes') return { nodes: selectorJson(peer.nodes) };
  return { networks: peer.type === 'networks' ? peer.blocks.map(({ cidr }) => cidr) : ['192.0.2.0/24'] };
}

function protocolJson(port: PolicyPort, withNames: boolean): object {
  if (port.type === 'named' && withNames) return { destinationNamedPort: port.name };
  if (port.type !== 'range') return { tcp: { destinationPort: { number: 80 } } };
  const { protocol, first, last } = port;
  const start = Math.max(first, 1);
  const destinationPort = start === last ? { number: start } : { range: { start, end: last } };
  return { [protocol.toLowerCase()]: { destinationPort } };
}
