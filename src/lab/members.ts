/** The nodes and pods of a lab, with the names, hardware addresses and next hops that plans are made of. */
import { type Address, type Family, familyOf, type Prefix, prefixContains } from '../model/address.ts';
import { compareText, type NodeName } from '../model/names.ts';
import type { PodObject, WeirObject } from '../model/objects.ts';
import { nodeAddresses, probeTargets } from '../model/probe-targets.ts';
import {
  hardwareAddress,
  linkLocalAddress,
  nodeCgroup,
  nodeNamespace,
  podCgroup,
  podDevice,
  podNamespace,
} from './lab-names.ts';

/** Something plugged into the underlay: a node or the external client. */
export interface Station {
  readonly name: string;
  readonly namespace: string;
  readonly mac: string;
  readonly linkLocal: Address;
  /** On its underlay device, the main address of each family first. */
  readonly addresses: readonly Address[];
}

export interface LabNode extends Station {
  readonly name: NodeName;
  readonly podCidrs: readonly Prefix[];
  readonly cgroup: string;
  /** Pods with a namespace of their own. */
  readonly pods: readonly LabPod[];
  /** Pods that live in the node's namespace. */
  readonly hostPods: readonly LabPod[];
}

export interface LabPod {
  readonly pod: PodObject;
  readonly namespace: string;
  readonly cgroup: string;
  readonly device: string;
  /** Of the pod's end and of the node's end of its veth pair. */
  readonly mac: string;
  readonly hostMac: string;
  /** Those of its addresses that packets for them are routed to it; another pod may have taken one over. */
  readonly routed: readonly Address[];
}

export interface Members {
  readonly nodes: readonly LabNode[];
  readonly notes: readonly string[];
}

/** Finds the members in completed objects, nodes and pods by name. */
export function membersOf(lab: string, objects: readonly WeirObject[]): Members {
  const targets = probeTargets(objects);
  const notes: string[] = [];
  const taken = new Set<string>();
  const owners = addressOwners(targets.podsInOrder);
  const pods = targets.podsInOrder.map((pod) => labPod(lab, pod, owners, taken));
  const usedAddresses = new Map<Address, string>();
  const nodes = [...targets.nodes.values()]
    .sort((a, b) => compareText(a.name, b.name))
    .map((node): LabNode => {
      const own = pods.filter(({ pod }) => pod.nodeName === node.name);
      const mac = hardwareAddress(`node ${node.name}`);
      return {
        name: node.name as NodeName,
        namespace: nodeNamespace(lab, node.name),
        mac,
        linkLocal: linkLocalAddress(mac) as Address,
        addresses: freeAddresses(node.name, nodeAddresses(node), usedAddresses, notes),
        podCidrs: node.podCidrs,
        cgroup: nodeCgroup(lab, node.name),
        pods: own.filter(({ pod }) => !pod.hostNetwork),
        hostPods: own.filter(({ pod }) => pod.hostNetwork),
      };
    });
  return { nodes, notes };
}

/** The station's main address of a family. */
export function mainAddress(station: Station, family: Family): Address | undefined {
  return station.addresses.find((address) => familyOf(address) === family);
}

/** `via …`: how others reach what is behind the station; by link-local address where it has none of the family. */
export function nextHop(station: Station, family: Family): string {
  const address = mainAddress(station, family);
  if (address !== undefined) return `via ${address}`;
  return family === 'IPv4' ? `via inet6 ${station.linkLocal}` : `via ${station.linkLocal}`;
}

/** What others route to the node: its pod networks, and its pods' addresses outside them. */
export function networksBehind(node: LabNode): readonly string[] {
  const outside = node.pods
    .flatMap(({ routed }) => routed)
    .filter((address) => !node.podCidrs.some((prefix) => prefixContains(prefix, address)));
  return [...node.podCidrs, ...outside];
}

function labPod(
  lab: string,
  pod: PodObject,
  owners: ReadonlyMap<Address, PodObject>,
  taken: Set<string>,
): LabPod {
  const node = pod.nodeName as NodeName;
  const namespace = pod.hostNetwork
    ? nodeNamespace(lab, node)
    : podNamespace(lab, pod.namespace, pod.name, taken);
  if (!pod.hostNetwork) taken.add(namespace);
  const name = `pod ${pod.namespace}/${pod.name}`;
  return {
    pod,
    namespace,
    cgroup: podCgroup(lab, node, pod.namespace, pod.name),
    device: podDevice(pod.namespace, pod.name),
    mac: hardwareAddress(name),
    hostMac: hardwareAddress(`host side of ${name}`),
    routed: pod.addresses.filter((address) => owners.get(address) === pod),
  };
}

/** A terminating pod may share its address with its successor, which then has it. */
function addressOwners(pods: readonly PodObject[]): ReadonlyMap<Address, PodObject> {
  const owners = new Map<Address, PodObject>();
  for (const pod of pods) {
    if (pod.hostNetwork) continue;
    for (const address of pod.addresses) {
      const other = owners.get(address);
      if (other === undefined || (other.deleting && !pod.deleting)) owners.set(address, pod);
    }
  }
  return owners;
}

function freeAddresses(
  node: string,
  addresses: readonly Address[],
  used: Map<Address, string>,
  notes: string[],
): readonly Address[] {
  return [...new Set(addresses)].filter((address) => {
    const owner = used.get(address);
    if (owner === undefined) used.set(address, node);
    else notes.push(`Node ${node}: status.addresses: ${address} is Node ${owner}'s: it is left out`);
    return owner === undefined;
  });
}
