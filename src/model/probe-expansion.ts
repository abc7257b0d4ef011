/** From requests to single probes: WHO and WHAT resolved over completed objects, one probe per source, destination and family. */
import { type Address, FAMILIES, type Family, familyOf, parseAddress } from './address.ts';
import { type NodeName, type ObjectName, objectName, type Port } from './names.ts';
import type { PodObject, WeirObject } from './objects.ts';
import { type ProbeDestination, resolveDestination } from './probe-destination.ts';
import type { ParsedRequest, ProbeFailure, ProbeProtocol, ProbeRequest } from './probe-request.ts';
import { isFinished, nodeAddresses, type ProbeTargets, probeTargets } from './probe-targets.ts';

/** The external client's addresses where a request names none. */
export const EXTERNAL_ADDRESSES: Readonly<Record<Family, Address>> = {
  IPv4: '203.0.113.10' as Address,
  IPv6: '2001:db8:ffff::10' as Address,
};

/** Who sends: the pod's or node's own process, or a client outside the cluster. */
export type ProbeSource =
  | { readonly kind: 'pod'; readonly pod: ObjectName }
  | { readonly kind: 'node'; readonly node: NodeName }
  | { readonly kind: 'external' };

/** One connection to try. */
export interface Probe {
  readonly index: number;
  readonly from: string;
  readonly to: string;
  readonly source: ProbeSource;
  readonly sourceAddress: Address;
  readonly sourcePort: Port | null;
  /** The node at which the packet enters: the source's own; for external the one asked for, else the first by name. */
  readonly node: NodeName;
  readonly address: Address;
  readonly family: Family;
  /** null for icmp. */
  readonly port: Port | null;
  readonly protocol: ProbeProtocol;
}

interface Sender {
  readonly from: string;
  readonly source: ProbeSource;
  readonly node: NodeName;
  readonly addresses: readonly Address[];
}

/** Expands requests in order. What can't be resolved becomes a failure in its place; nothing is thrown. */
export function expandProbes(
  requests: readonly ParsedRequest[],
  objects: Iterable<WeirObject>,
): readonly (Probe | ProbeFailure)[] {
  const targets = probeTargets(objects);
  return requests.flatMap((request, index) =>
    'error' in request
      ? [failure(index, { from: '', to: '' }, request.error)]
      : expandRequest(request, index, targets),
  );
}

function expandRequest(
  request: ProbeRequest,
  index: number,
  targets: ProbeTargets,
): readonly (Probe | ProbeFailure)[] {
  const senders = resolveSenders(request, targets);
  if ('error' in senders) return [failure(index, request, senders.error)];
  const destinations = resolveDestination(request, targets);
  if ('error' in destinations) return [failure(index, request, destinations.error)];
  return senders.flatMap((sender) =>
    destinations.flatMap((destination) => probesBetween(sender, destination, request, index)),
  );
}

function probesBetween(
  sender: Sender,
  destination: ProbeDestination,
  request: ProbeRequest,
  index: number,
): readonly (Probe | ProbeFailure)[] {
  const names = { from: sender.from, to: destination.to };
  if ('error' in destination) return [failure(index, names, destination.error)];
  const { port, protocol } = destination;
  const probes: Probe[] = [];
  for (const family of FAMILIES.filter(
    (each) => request.family === null || each === `IPv${request.family}`,
  )) {
    const sourceAddress = sender.addresses.find((address) => familyOf(address) === family);
    const address = destination.addresses.find((each) => familyOf(each) === family);
    if (sourceAddress === undefined || address === undefined) continue;
    const { source, node } = sender;
    const { sourcePort } = request;
    probes.push({
      index,
      ...names,
      source,
      sourceAddress,
      sourcePort,
      node,
      address,
      family,
      port,
      protocol,
    });
  }
  if (probes.length > 0) return probes;
  const wanted =
    request.family === null ? 'address family in common' : `IPv${request.family} address on both sides`;
  return [
    failure(index, names, `${names.from} and ${names.to} have no ${wanted}; ask for a family both have`),
  ];
}

function resolveSenders(
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly Sender[] | { readonly error: string } {
  const { from } = request;
  if (from === 'all') return targets.podsInOrder.flatMap((pod) => podSender(pod));
  if (from === 'external' || from.startsWith('external/')) return externalSender(request, targets);
  if (from.startsWith('node/')) return nodeSender(from, targets);
  const pod = targets.pods.get(from);
  if (pod === undefined) {
    const remedy = 'use ns/pod of a Pod in the manifests, node/NAME, external, external/ADDRESS or all';
    return { error: `from: ${from} is no Pod; ${remedy}` };
  }
  const senders = podSender(pod);
  return senders.length > 0
    ? senders
    : { error: `from: Pod ${from} is finished or on no node; give it a spec.nodeName` };
}

function podSender(pod: PodObject): readonly Sender[] {
  if (pod.nodeName === null || isFinished(pod)) return [];
  const name = objectName(pod.namespace, pod.name);
  return [{ from: name, source: { kind: 'pod', pod: name }, node: pod.nodeName, addresses: pod.addresses }];
}

function nodeSender(from: string, targets: ProbeTargets): readonly Sender[] | { readonly error: string } {
  const node = targets.nodes.get(from.slice('node/'.length));
  if (node === undefined)
    return { error: `from: ${from} is no Node; known: ${[...targets.nodes.keys()].join(', ')}` };
  const name = node.name as NodeName;
  return [{ from, source: { kind: 'node', node: name }, node: name, addresses: nodeAddresses(node) }];
}

function externalSender(
  request: ProbeRequest,
  targets: ProbeTargets,
): readonly Sender[] | { readonly error: string } {
  const { from } = request;
  const node = request.node ?? targets.firstNode;
  if (node === null)
    return { error: 'from: there is no Node at which external packets could enter; add one' };
  if (!targets.nodes.has(node))
    return { error: `node: ${node} is no Node; known: ${[...targets.nodes.keys()].join(', ')}` };
  if (from === 'external') {
    return [{ from, source: { kind: 'external' }, node, addresses: Object.values(EXTERNAL_ADDRESSES) }];
  }
  const address = parseAddress(from.slice('external/'.length));
  if (address === undefined)
    return { error: `from: ${from} holds no IP address; write external/198.51.100.7` };
  return [{ from, source: { kind: 'external' }, node, addresses: [address] }];
}

function failure(
  index: number,
  names: { readonly from: string; readonly to: string },
  error: string,
): ProbeFailure {
  return { index, from: names.from, to: names.to, address: null, port: null, protocol: null, error };
}
