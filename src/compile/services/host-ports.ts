/** Host ports: a port of this node (or of one of its addresses) that leads to one of its pods (A32–A34, I8). */
import { type Address, type Family, familyOf } from '../../model/address.ts';
import { compareText, type NodeName, type ObjectName, objectName, type Port } from '../../model/names.ts';
import type { ContainerPort, PodObject, Problem } from '../../model/objects.ts';
import { DEFAULT_BALANCING, DEFAULT_WEIGHT, type ServiceId, type ServiceRows } from '../../model/rows.ts';
import { type AddressBook, holderOf, isFinished } from './address-book.ts';
import { nodePortKey } from './frontend-keys.ts';
import { type Finding, problemOf } from './problems.ts';

/** One host port of a pod in one family. */
export interface HostPort {
  /** Host ports with the same key may clash: family, number and protocol. */
  readonly key: string;
  readonly pod: PodObject;
  readonly port: ContainerPort;
  readonly hostPort: Port;
  /** Position among the pod's ports. */
  readonly index: number;
  readonly family: Family;
  /** null: every address of the node. */
  readonly hostIp: Address | null;
  /** The pod's. */
  readonly address: Address;
}

/** Host ports that a pod asks for on this node; none when it runs elsewhere, on the host's network, or no more. */
export function hostPortsOf(pod: PodObject | undefined, node: NodeName): readonly HostPort[] {
  if (pod === undefined || pod.nodeName !== node || pod.hostNetwork || isFinished(pod)) return [];
  return pod.ports.flatMap((port, index) => {
    const { hostPort, hostIp } = port;
    if (hostPort === null) return [];
    return pod.addresses
      .filter((address) => hostIp === null || familyOf(hostIp) === familyOf(address))
      .map((address): HostPort => {
        const family = familyOf(address);
        // 0.0.0.0 and :: stand for every address of their family.
        const anywhere = hostIp === null || hostIp === '0.0.0.0' || hostIp === '::';
        const key = nodePortKey(family, hostPort, port.protocol);
        return { key, pod, port, hostPort, index, family, hostIp: anywhere ? null : hostIp, address };
      });
  });
}

/** Who has the host ports of one key. */
export interface HostPortOutcome {
  readonly rows: readonly ServiceRows[];
  readonly problems: readonly Problem[];
  /** The pod that has the port at every address of the node, so that no node port can (A33). */
  readonly shadowedBy: ObjectName | null;
}

/** Decides between host ports of one key: the older pod has the port, the others are refused. */
export function resolveHostPorts(hostPorts: readonly HostPort[], book: AddressBook): HostPortOutcome {
  const winners: HostPort[] = [];
  const problems: Problem[] = [];
  for (const candidate of [...hostPorts].sort(compareAge)) {
    const taken = candidate.hostIp === null ? null : foreignHolder(candidate.hostIp, candidate.pod, book);
    const first = winners.find((winner) => overlap(winner, candidate));
    if (taken !== null) problems.push(problemOf(candidate.pod, hostIpRefused(candidate, taken)));
    else if (first !== undefined) problems.push(problemOf(candidate.pod, conflict(candidate, first)));
    else winners.push(candidate);
  }
  const everywhere = winners.find(({ hostIp }) => hostIp === null);
  return {
    rows: winners.map(rowsOf),
    problems,
    shadowedBy: everywhere === undefined ? null : podName(everywhere.pod),
  };
}

function compareAge(a: HostPort, b: HostPort): number {
  const [left, right] = [a.pod.createdAtMs ?? Infinity, b.pod.createdAtMs ?? Infinity];
  if (left !== right) return left - right;
  return compareText(podName(a.pod), podName(b.pod)) || a.index - b.index;
}

function overlap(a: HostPort, b: HostPort): boolean {
  return a.hostIp === null || b.hostIp === null || a.hostIp === b.hostIp;
}

// A host port must never swallow traffic of a Service, of another node or of a pod (CVE-2019-9946).
function foreignHolder(hostIp: Address, pod: PodObject, book: AddressBook): string | null {
  if (book.nodes.owners(hostIp).some((node) => node === (pod.nodeName as string))) return null;
  const holder = holderOf(hostIp, book);
  if (holder !== null) return holder;
  const [service] = [...book.loadBalancerIps.owners(hostIp), ...book.externalIps.owners(hostIp)].sort();
  return service === undefined ? null : `an address of Service ${service}`;
}

function rowsOf({ pod, port, hostPort, family, hostIp, address }: HostPort): ServiceRows {
  const owner = podName(pod);
  const backend = {
    address,
    port: port.port,
    weight: DEFAULT_WEIGHT,
    nodeLocal: true,
    nodeName: pod.nodeName,
    zone: null,
    pod: owner,
  };
  return {
    id: `hostport:${owner}:${port.port}/${port.protocol}/${family}:${hostIp ?? '*'}:${hostPort}` as ServiceId,
    owner,
    displayName: port.name === '' ? owner : `${owner}:${port.name}`,
    protocol: port.protocol,
    family,
    frontends: [
      {
        kind: 'hostPort',
        address: hostIp,
        port: hostPort,
        inside: 'cluster',
        outside: 'cluster',
        elsewhere: 'pass',
        checkSources: false,
      },
    ],
    cluster: [backend],
    local: [backend],
    excluded: [],
    affinitySeconds: null,
    balancing: DEFAULT_BALANCING,
    sourceRanges: null,
  };
}

function podName(pod: PodObject): ObjectName {
  return objectName(pod.namespace, pod.name);
}

function conflict({ hostPort, hostIp, index, port }: HostPort, first: HostPort): Finding {
  return {
    severity: 'error',
    field: `spec.containers[].ports[${index}].hostPort`,
    reason: 'HostPortConflict',
    message:
      `host port ${hostPort}/${port.protocol} at ${hostIp ?? 'every address'} of the node is ` +
      `already Pod ${podName(first.pod)}'s, which is older; it does not lead to this pod`,
    remedy: 'use another hostPort or hostIP, or let the pods run on different nodes',
  };
}

function hostIpRefused({ hostPort, hostIp, index, port }: HostPort, holder: string): Finding {
  return {
    severity: 'error',
    field: `spec.containers[].ports[${index}].hostIP`,
    reason: 'HostIPRefused',
    message: `host port ${hostPort}/${port.protocol} is refused: ${hostIp} is ${holder}`,
    remedy: "Use an address of the pod's own node, or leave hostIP out for all of them.",
  };
}
