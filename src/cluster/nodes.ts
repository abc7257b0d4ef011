/** Nodes: addresses and pod networks for those that have none. Each such node has a number, and both follow from it. */
import {
  type Address,
  addressBits,
  addressBytes,
  addressFromBytes,
  type Family,
  familyOf,
  type Prefix,
  prefixContains,
  splitPrefix,
} from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { NodeObject } from '../model/objects.ts';
import { addressNumber, numberedAddress } from './address-range.ts';
import type { Candidates, ClaimBook } from './claims.ts';
import type { ClusterOptions } from './options.ts';
import type { ProblemText } from './problems.ts';

/** Node numbers are 1 to 254: they are the last byte of an address in a /24. */
const LAST_NUMBER = 254;
const NUMBER_SLOT = 'number';

/** Numbers that the node's own addresses and pod networks use up, as text. */
export function claimedNumbers(node: NodeObject, options: ClusterOptions): readonly string[] {
  const numbers = new Set<number>();
  for (const { address } of node.addresses) {
    for (const base of options.nodeCidrs) numbers.add(addressNumber(base, address) ?? 0);
  }
  for (const prefix of node.podCidrs) {
    for (const base of options.podCidrs) numbers.add(podNetworkNumber(base, prefix) ?? 0);
  }
  return [...numbers].filter((number) => number >= 1 && number <= LAST_NUMBER).map(String);
}

/** The node with addresses and pod networks; explicit ones are kept. */
export function completeNode(
  node: NodeObject,
  book: ClaimBook,
  options: ClusterOptions,
): { readonly object: NodeObject; readonly problems: readonly ProblemText[] } {
  const owner = node.name as ObjectName;
  if (node.addresses.length > 0 && node.podCidrs.length > 0) {
    book.retain(owner, new Set());
    return { object: node, problems: [] };
  }
  const text = book.assign(owner, NUMBER_SLOT, LOWEST_FIRST);
  if (text === undefined) return { object: node, problems: [outOfNumbers(node)] };
  const number = Number(text);
  const addresses = options.nodeCidrs.map((base) => numberedAddress(base, number));
  const object: NodeObject = {
    ...node,
    addresses:
      node.addresses.length > 0
        ? node.addresses
        : addresses.map((address) => ({ type: 'InternalIP' as const, address })),
    podCidrs:
      node.podCidrs.length > 0 ? node.podCidrs : options.podCidrs.map((base) => podNetwork(base, number)),
  };
  return { object, problems: [] };
}

/** Whether new pods may be placed there. */
export function isSchedulable(node: NodeObject): boolean {
  return !node.deleting && node.unschedulable !== true;
}

/** The node's main address of the family: its first InternalIP, else its first ExternalIP. */
export function mainAddress(node: NodeObject, family: Family): Address | undefined {
  const ofFamily = node.addresses.filter(({ address }) => familyOf(address) === family);
  return (ofFamily.find(({ type }) => type === 'InternalIP') ?? ofFamily[0])?.address;
}

const LOWEST_FIRST: Candidates = {
  has: () => true,
  *values() {
    for (let number = 1; number <= LAST_NUMBER; number++) yield String(number);
  },
};

/** Node `number`'s part of a pod network: a /24 of IPv4, a /64 of IPv6 whose text shows the number in decimal. */
function podNetwork(base: Prefix, number: number): Prefix {
  const { address, length } = splitPrefix(base);
  const bytes = addressBytes(address);
  if (addressBits(address) === 32) {
    bytes[2] = (bytes[2] ?? 0) + number;
    return `${addressFromBytes(bytes)}/24` as Prefix;
  }
  const digits = Number.parseInt(String(number), 16);
  const index = Math.floor(Math.min(length, 48) / 16) * 2;
  bytes[index] = (bytes[index] ?? 0) + (digits >> 8);
  bytes[index + 1] = (bytes[index + 1] ?? 0) + (digits & 0xff);
  return `${addressFromBytes(bytes)}/64` as Prefix;
}

function podNetworkNumber(base: Prefix, prefix: Prefix): number | undefined {
  if (!prefixContains(base, splitPrefix(prefix).address)) return undefined;
  for (let number = 1; number <= LAST_NUMBER; number++)
    if (podNetwork(base, number) === prefix) return number;
  return undefined;
}

function outOfNumbers(node: NodeObject): ProblemText {
  return {
    severity: 'error',
    field: node.addresses.length === 0 ? 'status.addresses' : 'spec.podCIDRs',
    reason: 'AddressesExhausted',
    message: `all ${LAST_NUMBER} numbers for nodes without addresses or pod networks are taken`,
    remedy: 'give the node status.addresses and spec.podCIDRs',
  };
}
