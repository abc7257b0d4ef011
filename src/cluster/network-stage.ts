/**
 * The networks that cluster IPs come from: the configured ones and those of ServiceCIDR objects. One that is deleted stays
 * as long as a cluster IP is in it and in no other, but no new one is chosen there.
 */
import { type Address, type Prefix, prefixContains } from '../model/address.ts';
import { compareText, objectName } from '../model/names.ts';
import type { ServiceCidrObject } from '../model/objects.ts';
import type { ClusterOptions } from './options.ts';
import type { Dirty, State } from './state.ts';

/** The one that an API server makes of its own flag: in manifests of a real cluster it is the default. */
const FIRST = 'kubernetes';

export interface ServiceNetworks {
  /** Where cluster IPs are chosen: of several of a family, the next when the former is full. */
  readonly open: readonly Prefix[];
  /** Those, and the ones being deleted: cluster IPs in them stay. */
  readonly all: readonly Prefix[];
}

/** @param objects those of the input and those that are leaving */
export function serviceNetworksOf(
  { serviceCidrs: configured }: ClusterOptions,
  objects: Iterable<ServiceCidrObject>,
): ServiceNetworks {
  const named = [...objects].sort((a, b) => compareText(a.name, b.name));
  const cidrsOf = (wanted: (object: ServiceCidrObject) => boolean) =>
    named.filter(wanted).flatMap(({ cidrs }) => cidrs);
  // Manifests of a real cluster have an object for what is configured too.
  const open = new Set([
    ...cidrsOf(({ name, deleting }) => name === FIRST && !deleting),
    ...configured,
    ...cidrsOf(({ name, deleting }) => name !== FIRST && !deleting),
  ]);
  return { open: [...open], all: [...open.union(new Set(cidrsOf(({ deleting }) => deleting)))] };
}

/** An object that left the input, or changed its networks: they stay until nothing is in them. */
export function letServiceCidrGo(state: State, object: ServiceCidrObject): void {
  state.leavingCidrs.set(leavingKey(object), { ...object, deleting: true });
}

/** An object that came back as it was is not leaving any more. */
export function keepServiceCidr(state: State, object: ServiceCidrObject): void {
  state.leavingCidrs.delete(leavingKey(object));
}

/** Leaving objects by what they are kept under. */
export function leavingByKey(objects: readonly ServiceCidrObject[]): Map<string, ServiceCidrObject> {
  return new Map(objects.map((object) => [leavingKey(object), object]));
}

function leavingKey({ name, cidrs }: ServiceCidrObject): string {
  return `${name} ${cidrs.join()}`;
}

/** Opens networks that came: every Service may be concerned, since a family may have come with them. */
export function openNetworks(state: State, dirty: Dirty): void {
  if (dirty.serviceCidrs.size === 0) return;
  readNetworks(state);
  for (const owner of state.input.services.keys()) dirty.services.add(owner);
}

/** Closes those that nothing is in any more, after the Services; true: there were some. */
export function closeNetworks(state: State, dirty: Dirty): boolean {
  let isClosed = false;
  for (const [key, object] of state.leavingCidrs) {
    if (isInUse(state, object)) continue;
    state.leavingCidrs.delete(key);
    dirty.serviceCidrs.add(object.name);
    isClosed = true;
  }
  const objects = new Map([...state.leavingCidrs.values()].map((object) => [object.name, object]));
  for (const object of state.input.serviceCidrs.values()) objects.set(object.name, object);
  for (const name of dirty.serviceCidrs) {
    const object = objects.get(name);
    if (object === undefined) state.output.remove('ServiceCIDR', objectName('', name));
    else state.output.put(object);
  }
  return isClosed;
}

function readNetworks(state: State): void {
  const objects = [...state.input.serviceCidrs.values(), ...state.leavingCidrs.values()];
  state.networks = serviceNetworksOf(state.options, objects);
}

function isInUse({ books, networks }: State, { cidrs }: ServiceCidrObject): boolean {
  const holds = (prefixes: readonly Prefix[], value: string): boolean =>
    prefixes.some((prefix) => prefixContains(prefix, value as Address));
  for (const value of books.clusterIps.values())
    if (holds(cidrs, value) && !holds(networks.open, value)) return true;
  return false;
}
