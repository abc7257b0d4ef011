/** Pools that load-balancer addresses come from, and how they are written. */
import {
  type Address,
  addressBits,
  addressBytes,
  addressFromBytes,
  familyOf,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  splitPrefix,
} from '../model/address.ts';
import { unroutableReason } from '../model/unroutable-address.ts';

/** Addresses from the first to the last, both included, of one family. */
export interface AddressRange {
  readonly first: Address;
  readonly last: Address;
}

export interface AddressPool {
  readonly name: string;
  /** The spec.loadBalancerClass it serves; null: Services that name none. */
  readonly class: string | null;
  readonly ranges: readonly AddressRange[];
  /** false: only for Services that ask for one of its addresses. */
  readonly autoAssign: boolean;
}

type Parsed<Value> = { readonly value: Value } | { readonly error: string };

const FIELDS = ['name', 'class', 'addresses', 'autoAssign'];
const DEFAULT_NAME = 'default';

/**
 * Reads pools: empty text for none; CIDRs and ranges FIRST-LAST joined by commas for one pool; or a JSON list of
 * `{name?, class?, addresses, autoAssign?}`. The network and broadcast addresses of IPv4 CIDRs shorter than /31 are left
 * out; a range is taken as it is.
 */
export function parsePools(text: string): Parsed<readonly AddressPool[]> {
  if (text.trim() === '') return { value: [] };
  if (!text.trim().startsWith('[')) return collect([poolOf({ addresses: text.split(',') }, 0)]);
  let items: unknown;
  try {
    items = JSON.parse(text);
  } catch (error) {
    return { error: `not JSON (${error instanceof Error ? error.message : String(error)})` };
  }
  return collect((items as readonly unknown[]).map(poolOf));
}

/** The pools as text that parsePools reads. */
export function poolsText(pools: readonly AddressPool[]): string {
  const items = pools.map(({ ranges, ...pool }) => ({
    ...pool,
    addresses: ranges.map(({ first, last }) => `${first}-${last}`),
  }));
  return pools.length === 0 ? '' : JSON.stringify(items);
}

function collect(parsed: readonly Parsed<AddressPool>[]): Parsed<readonly AddressPool[]> {
  const errors = parsed.flatMap((each) => ('error' in each ? [each.error] : []));
  const pools = parsed.flatMap((each) => ('value' in each ? [each.value] : []));
  const repeated = pools.find(({ name }, index) =>
    pools.some((pool, at) => at < index && pool.name === name),
  );
  if (repeated !== undefined) errors.push(`two pools are named "${repeated.name}": name each differently`);
  return errors.length > 0 ? { error: errors.join('; ') } : { value: pools };
}

function poolOf(item: unknown, index: number): Parsed<AddressPool> {
  const where = `pool ${index + 1}`;
  if (typeof item !== 'object' || item === null || Array.isArray(item))
    return { error: `${where}: write {name, class, addresses, autoAssign}` };
  const unknown = Object.keys(item).find((field) => !FIELDS.includes(field));
  if (unknown !== undefined) return { error: `${where}: unknown field ${unknown}: use ${FIELDS.join(', ')}` };
  const {
    name = index === 0 ? DEFAULT_NAME : `pool-${index + 1}`,
    autoAssign = true,
    ...rest
  } = item as {
    readonly [field: string]: unknown;
  };
  const { class: className = null, addresses } = rest;
  if (typeof name !== 'string' || name === '') return { error: `${where}: name must be a text` };
  if (className !== null && (typeof className !== 'string' || className === ''))
    return { error: `${where}: class must be a text such as example.com/internal` };
  if (typeof autoAssign !== 'boolean') return { error: `${where}: autoAssign must be true or false` };
  const texts = typeof addresses === 'string' ? addresses.split(',') : addresses;
  if (!Array.isArray(texts) || texts.length === 0)
    return { error: `${where}: addresses must list CIDRs or ranges FIRST-LAST` };
  const ranges = texts.map((entry: unknown) => parseRange(String(entry).trim()));
  const errors = ranges.flatMap((range) => ('error' in range ? [range.error] : []));
  if (errors.length > 0) return { error: errors.join('; ') };
  const read = ranges.flatMap((range) => ('value' in range ? [range.value] : []));
  return { value: { name, class: className, ranges: read, autoAssign } };
}

/** Both ends are looked at: what lies between two kinds of special addresses is no range that anybody writes. */
function parseRange(text: string): Parsed<AddressRange> {
  const range = readRange(text);
  if ('error' in range) return range;
  const why = unroutableReason(range.value.first) ?? unroutableReason(range.value.last);
  return why === null
    ? range
    : { error: `"${text}" begins or ends in ${why}: use addresses that can be reached` };
}

function readRange(text: string): Parsed<AddressRange> {
  const [first, last] = text.split('-').map((part) => parseAddress(part.trim()));
  if (first !== undefined && last !== undefined && text.split('-').length === 2) {
    if (familyOf(first) !== familyOf(last)) return { error: `"${text}" mixes families: use one` };
    if (numberOf(first) > numberOf(last)) return { error: `"${text}" ends before it begins: turn it round` };
    return { value: { first, last } };
  }
  const prefix = parsePrefix(text);
  if (prefix === undefined)
    return {
      error: `"${text}" is neither a CIDR with host bits zero nor a range such as 10.0.0.10-10.0.0.20`,
    };
  const { address, length } = splitPrefix(prefix);
  const size = 1n << BigInt(addressBits(address) - length);
  const hasEdges = familyOf(address) === 'IPv4' && size > 2n;
  return {
    value: {
      first: numberedFrom(address, hasEdges ? 1n : 0n),
      last: numberedFrom(address, hasEdges ? size - 2n : size - 1n),
    },
  };
}

/** Says where pools and service networks overlap, and what to do; null: nowhere. One address must not mean two things. */
export function poolOverlap(pools: readonly AddressPool[], serviceCidrs: readonly Prefix[]): string | null {
  for (const { name, ranges } of pools)
    for (const range of ranges)
      for (const network of serviceCidrs)
        if (overlaps(range, network))
          return `pool "${name}" has addresses of the service network ${network}, which are cluster IPs: use others`;
  return null;
}

function overlaps(range: AddressRange, network: Prefix): boolean {
  const isInside = [range.first, range.last].some((end) => prefixContains(network, end));
  return isInside || rangeContains(range, splitPrefix(network).address);
}

/** Whether the address is in the range. */
export function rangeContains({ first, last }: AddressRange, address: Address): boolean {
  if (familyOf(first) !== familyOf(address)) return false;
  const number = numberOf(address);
  return numberOf(first) <= number && number <= numberOf(last);
}

/** How many addresses there are. */
export function rangeSize({ first, last }: AddressRange): bigint {
  return numberOf(last) - numberOf(first) + 1n;
}

/** Address number `number` of the range; 0 is the first. */
export function addressInRange({ first }: AddressRange, number: bigint): Address {
  return numberedFrom(first, number);
}

function numberOf(address: Address): bigint {
  return addressBytes(address).reduce((number, byte) => number * 256n + BigInt(byte), 0n);
}

function numberedFrom(address: Address, number: bigint): Address {
  const bytes = addressBytes(address);
  let rest = numberOf(address) + number;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 255n);
    rest >>= 8n;
  }
  return addressFromBytes(bytes);
}
