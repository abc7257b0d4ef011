/** The rows that belong to the node as a whole, not to a Service (A23, A25, A68, A69, A73, E27). */
import {
  type Address,
  compareAddresses,
  FAMILIES,
  familyOf,
  hostPrefix,
  mergePrefixes,
  type Prefix,
  prefixContains,
} from '../../model/address.ts';
import type { CompileOptions } from '../../model/compile-options.ts';
import type { NodeName } from '../../model/names.ts';
import type { NodeObject } from '../../model/objects.ts';
import type { NodeRows } from '../../model/rows.ts';
import type { ClusterView } from '../../model/view.ts';
import { nodeAddresses } from './address-book.ts';
import { prefixesWithout } from './prefix-holes.ts';

/** Addresses of pods that are in no node's podCIDRs. */
export interface PodStrays {
  /** Of this node's pods, outside its own podCIDRs. */
  readonly local: readonly Address[];
  /** Of all pods, outside every node's podCIDRs; only needed where pods are masqueraded. */
  readonly cluster: readonly Address[];
}

/**
 * The rows of the node that `options` name; where that Node does not exist, what depends on it is empty.
 * `foreignClusterIps`: of Services that another proxy serves, who must get their packets.
 */
export function nodeRowsOf(
  { nodes, serviceCidrs: objects }: Pick<ClusterView, 'nodes' | 'serviceCidrs'>,
  strays: PodStrays,
  options: CompileOptions,
  foreignClusterIps: readonly Address[],
): NodeRows {
  const serviceCidrs = [...options.serviceCidrs, ...[...objects.values()].flatMap(({ cidrs }) => cidrs)];
  const own = nodes.get(options.node);
  const localPods = [...(own?.podCidrs ?? []), ...strays.local.map(hostPrefix)];
  const inside = options.detectLocalMode === 'NodeCIDR' ? localPods : options.clusterCidrs;
  const primary = primaryAddresses(own);
  return {
    node: options.node,
    inside: mergePrefixes([...inside, ...nodeAddresses(own).map(hostPrefix)]),
    nodePortAddresses: mergePrefixes(
      options.nodePortAddresses.length > 0 ? options.nodePortAddresses : primary.map(hostPrefix),
    ),
    otherNodeAddresses: otherNodeAddresses(nodes, own, options),
    serviceCidrs: prefixesWithout(mergePrefixes(serviceCidrs), foreignClusterIps),
    masqueradeSources: options.masqueradePods ? mergePrefixes(localPods) : [],
    nonMasquerade: options.masqueradePods ? nonMasquerade(nodes, strays, serviceCidrs, options) : [],
    nodeAddresses: primary,
    externalClusterIp: options.allowExternalClusterIp ? 'reject' : 'drop',
    masqueradeAll: options.masqueradeAll,
    nodePortRange: options.nodePortRange,
  };
}

/** The node's main address of each family: the first InternalIP, else the first ExternalIP. */
export function primaryAddresses(node: NodeObject | undefined): readonly Address[] {
  return FAMILIES.flatMap((family) => {
    const ofFamily = node?.addresses.filter(({ address }) => familyOf(address) === family) ?? [];
    const first = ofFamily.find(({ type }) => type === 'InternalIP') ?? ofFamily[0];
    return first === undefined ? [] : [first.address];
  });
}

/** The prefixes that hold pods, as far as nodes and options tell. */
export function podPrefixes(
  nodes: ReadonlyMap<NodeName, NodeObject>,
  options: CompileOptions,
): readonly Prefix[] {
  if (options.clusterCidrs.length > 0) return options.clusterCidrs;
  return [...nodes.values()].flatMap(({ podCidrs }) => podCidrs);
}

function otherNodeAddresses(
  nodes: ReadonlyMap<NodeName, NodeObject>,
  own: NodeObject | undefined,
  { node: ownName, nodePortAddresses }: CompileOptions,
): readonly Address[] {
  // Two nodes may give one address by mistake; what is ours is never another node's.
  const ours = new Set(nodeAddresses(own));
  const others = new Set<Address>();
  for (const [name, node] of nodes) {
    if (name === ownName) continue;
    const addresses =
      nodePortAddresses.length === 0
        ? primaryAddresses(node)
        : nodeAddresses(node).filter((address) => nodePortAddresses.some((p) => prefixContains(p, address)));
    for (const address of addresses) if (!ours.has(address)) others.add(address);
  }
  return [...others].sort(compareAddresses);
}

function nonMasquerade(
  nodes: ReadonlyMap<NodeName, NodeObject>,
  strays: PodStrays,
  serviceCidrs: readonly Prefix[],
  options: CompileOptions,
): readonly Prefix[] {
  return mergePrefixes([
    ...podPrefixes(nodes, options),
    ...(options.clusterCidrs.length > 0 ? [] : strays.cluster.map(hostPrefix)),
    ...[...nodes.values()].flatMap((node) => nodeAddresses(node).map(hostPrefix)),
    ...serviceCidrs,
    ...options.nonMasqueradeCidrs,
  ]);
}
