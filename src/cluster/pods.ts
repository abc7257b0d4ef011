/** Pods: the node they run on and their addresses. */
import { FAMILIES, type Family, familyOf, type Prefix } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type { NodeObject, PodObject } from '../model/objects.ts';
import { addressCandidates } from './address-range.ts';
import type { ClaimBook } from './claims.ts';
import { hashName } from './hash.ts';
import { mainAddress } from './nodes.ts';
import type { ProblemText } from './problems.ts';

/** Host parts of pods: .0 is the network, .1 the usual gateway. */
const FIRST_HOST = 2;
/** Of an IPv6 /64 only as many addresses are used as keep their text short. */
const WIDEST_HOST_BITS = 16;

/** The claim book's slots of a pod: a family each, shared by all pods that have the same. */
const NO_SLOTS: ReadonlySet<string> = new Set();
const BOTH_SLOTS: ReadonlySet<string> = new Set(FAMILIES);
const ONE_SLOT: Readonly<Record<Family, ReadonlySet<string>>> = {
  IPv4: new Set(['IPv4']),
  IPv6: new Set(['IPv6']),
};

export interface Placement {
  readonly nodes: ReadonlyMap<NodeName, NodeObject>;
  /** Names of the nodes that take new pods, sorted. */
  readonly schedulable: readonly NodeName[];
  /** Where pods without spec.nodeName were put before. */
  readonly earlier: ReadonlyMap<ObjectName, NodeName>;
}

export interface CompletedPod {
  /** null: the pod is not in effect, the problems say why. */
  readonly object: PodObject | null;
  readonly problems: readonly ProblemText[];
}

/** A pod that ended, or is about to: its address may already be another's. */
export function isLeaving(pod: PodObject): boolean {
  return pod.deleting || hasEnded(pod);
}

/** Its containers will not run again. */
export function hasEnded(pod: PodObject): boolean {
  return pod.phase === 'Succeeded' || pod.phase === 'Failed';
}

/** Completes a pod whose explicit addresses are already claimed in `book`. */
export function completePod(
  owner: ObjectName,
  pod: PodObject,
  placement: Placement,
  book: ClaimBook,
): CompletedPod {
  const nodeName = pod.nodeName ?? placeOf(owner, placement);
  const node = nodeName === null ? undefined : placement.nodes.get(nodeName);
  const taken = pod.addresses.find((address) => isContested(pod) && book.winner(address) !== owner);
  if (nodeName === null || node === undefined || taken !== undefined) book.retain(owner, NO_SLOTS);
  if (nodeName !== null && node === undefined) return { object: null, problems: [nodeNotFound(nodeName)] };
  // Also while it waits for a node: whether it ever had one must not decide.
  if (taken !== undefined) return { object: null, problems: [duplicateAddress(taken, book.winner(taken))] };
  if (nodeName === null || node === undefined) return { object: pod, problems: [] };
  return addressPod(owner, pod, node, book);
}

/** Whether the pod's addresses must be its alone. */
export function isContested(pod: PodObject): boolean {
  return !pod.hostNetwork && !isLeaving(pod);
}

/** Stays where it was as long as the node exists; else a hash chooses, so that a new pod moves no other. */
function placeOf(owner: ObjectName, { nodes, schedulable, earlier }: Placement): NodeName | null {
  const before = earlier.get(owner);
  if (before !== undefined && nodes.has(before)) return before;
  return schedulable[hashName(owner) % schedulable.length] ?? null;
}

function addressPod(owner: ObjectName, pod: PodObject, node: NodeObject, book: ClaimBook): CompletedPod {
  const nodeName = node.name as NodeName;
  if (pod.addresses.length > 0 || pod.hostNetwork) {
    book.retain(owner, NO_SLOTS);
    const own = FAMILIES.flatMap((family) => mainAddress(node, family) ?? []);
    const addresses = pod.addresses.length > 0 ? pod.addresses : own;
    return { object: { ...pod, nodeName, addresses }, problems: [] };
  }
  book.retain(owner, slotsIn(node.podCidrs));
  const problems: ProblemText[] = [];
  const addresses = node.podCidrs.flatMap((prefix) => {
    const candidates = addressCandidates(prefix, owner, FIRST_HOST, WIDEST_HOST_BITS);
    const address = book.assign(owner, familyOf(prefix), candidates);
    if (address === undefined) problems.push(exhausted(node, prefix));
    return address === undefined ? [] : [address as PodObject['addresses'][number]];
  });
  return { object: { ...pod, nodeName, addresses }, problems };
}

/** A node has at most one network of each family. */
function slotsIn([first, second]: readonly Prefix[]): ReadonlySet<string> {
  if (first === undefined) return NO_SLOTS;
  return second === undefined ? ONE_SLOT[familyOf(first)] : BOTH_SLOTS;
}

function nodeNotFound(nodeName: NodeName): ProblemText {
  return {
    severity: 'error',
    field: 'spec.nodeName',
    reason: 'NodeNotFound',
    message: `there is no node "${nodeName}"`,
    remedy: 'name an existing node, add a Node of that name, or leave spec.nodeName out',
  };
}

function duplicateAddress(address: string, winner: ObjectName | undefined): ProblemText {
  return {
    severity: 'error',
    field: 'status.podIPs',
    reason: 'DuplicatePodIP',
    message: `${address} is the address of pod ${winner} already`,
    remedy: 'give the pod another address, or leave status.podIPs out to be given one',
  };
}

function exhausted(node: NodeObject, prefix: Prefix): ProblemText {
  return {
    severity: 'error',
    field: 'status.podIPs',
    reason: 'AddressesExhausted',
    message: `no address of ${prefix}, the pod network of node ${node.name}, is free`,
    remedy: 'place the pod on another node or give the node a wider spec.podCIDRs',
  };
}
