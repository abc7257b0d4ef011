/** Endpoints of one Service port and family, merged over all slices that name them (A6, A10, A13–A15). */
import { type Address, type Family, familyOf, formatEndpoint } from '../../model/address.ts';
import type { Port } from '../../model/names.ts';
import type { EndpointSliceObject, ServicePort, SliceEndpoint } from '../../model/objects.ts';
import type { Excluded, ExclusionReason } from '../../model/rows.ts';
import type { EndpointWeights } from './weights.ts';

/** An endpoint that a Service port may use, in its best known state. */
export interface MergedEndpoint {
  readonly address: Address;
  readonly port: Port;
  /** As the slice that won has it: conditions, node, zone, hints. */
  readonly source: SliceEndpoint;
  /** 1 to 1000. */
  readonly weight: number;
}

/** All that the slices say about one Service port in one family. */
export interface MergedEndpoints {
  /** One for each `address:port`, in no particular order. */
  readonly usable: readonly MergedEndpoint[];
  /** Endpoints that can never be candidates of this port, whatever their conditions. */
  readonly unusable: readonly Excluded[];
}

/**
 * Collects the endpoints behind a Service port: slices of this family whose port has the same name and protocol; of
 * each endpoint only the first address counts. `refused` are addresses that may not be endpoints. `families` are the
 * Service's: an endpoint of a family that the Service has nowhere is mentioned as such. One of weight 0 is in maintenance.
 */
export function mergeEndpoints(
  port: ServicePort,
  family: Family,
  slices: readonly EndpointSliceObject[],
  refused: ReadonlyMap<Address, string>,
  families: readonly Family[],
  { weightOf }: EndpointWeights,
): MergedEndpoints {
  const merged = new Map<string, Entry>();
  const excluded = new Map<string, ExclusionReason>();
  for (const slice of slices) {
    if (slice.addressType === 'FQDN') continue;
    const foreign = slice.addressType !== family;
    if (foreign && families.includes(slice.addressType)) continue;
    const numbers = portNumbers(slice, port);
    for (const source of slice.endpoints) {
      const address = source.addresses[0];
      if (address === undefined) continue;
      if (numbers.length === 0) {
        if (slice.ports.length > 0 && !hasUnnumberedPort(slice, port))
          excluded.set(address, foreign ? 'other-family' : 'port-name-mismatch');
        continue;
      }
      for (const number of numbers) {
        const text = formatEndpoint(address, number);
        if (foreign || familyOf(address) !== family) excluded.set(text, 'other-family');
        else if (refused.has(address)) excluded.set(text, 'address-not-allowed');
        else {
          const other = merged.get(text);
          const entry = { address, port: number, source, weight: weightOf(slice, source), slice };
          if (other === undefined || beats(entry, other)) merged.set(text, entry);
        }
      }
    }
  }
  const found = [...merged.values()];
  const unusable = unusableOf(excluded, found);
  if (found.every(({ weight }) => weight > 0)) return { usable: found, unusable };
  const [usable, resting] = [
    found.filter(({ weight }) => weight > 0),
    found.filter(({ weight }) => weight === 0),
  ];
  return { usable, unusable: [...unusable, ...resting.map(inMaintenance)] };
}

/** How good an endpoint's state is, lower is better: ready, serving while it terminates, terminating, not ready. */
export function stateRank(endpoint: SliceEndpoint): 0 | 1 | 2 | 3 {
  if (endpoint.ready) return 0;
  if (!endpoint.terminating) return 3;
  return endpoint.serving ? 1 : 2;
}

/** Why the endpoint's conditions keep it from being a candidate; null: they don't. */
export function stateReason({ ready, terminating }: SliceEndpoint): ExclusionReason | null {
  if (ready) return null;
  return terminating ? 'terminating' : 'not-ready';
}

type Entry = MergedEndpoint & { readonly slice: EndpointSliceObject };

// While endpoints move between slices both name them, and nothing tells which is newer: the best state wins, so that an
// endpoint never disappears during a repack. With equal states the younger slice is the one being filled.
function beats(entry: Entry, other: Entry): boolean {
  const byState = stateRank(entry.source) - stateRank(other.source);
  if (byState !== 0) return byState < 0;
  return (entry.slice.createdAtMs ?? Infinity) > (other.slice.createdAtMs ?? Infinity);
}

function portNumbers(slice: EndpointSliceObject, port: ServicePort): readonly Port[] {
  const numbers: Port[] = [];
  for (const offered of slice.ports) {
    if (offered.name === port.name && offered.protocol === port.protocol && offered.port !== null)
      numbers.push(offered.port);
  }
  return numbers;
}

function hasUnnumberedPort(slice: EndpointSliceObject, port: ServicePort): boolean {
  return slice.ports.some(
    ({ name, protocol, port: number }) => name === port.name && protocol === port.protocol && number === null,
  );
}

/** Whoever goes has that as the reason, with whatever weight. */
function inMaintenance({ address, port, source }: MergedEndpoint): Excluded {
  const why = stateReason(source) ?? 'maintenance';
  return { endpoint: formatEndpoint(address, port), list: 'both', why };
}

// An address that one slice offers under another name and a second one under the right name is in use, not excluded.
function unusableOf(
  excluded: ReadonlyMap<string, ExclusionReason>,
  merged: readonly MergedEndpoint[],
): readonly Excluded[] {
  if (excluded.size === 0) return [];
  const used = new Set<string>(merged.map(({ address }) => address));
  return [...excluded]
    .filter(([endpoint]) => !used.has(endpoint))
    .map(([endpoint, why]) => ({ endpoint, list: 'both', why }));
}
