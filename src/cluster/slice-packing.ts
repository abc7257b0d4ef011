/**
 * Groups of endpoints into slices of a limited size. Endpoints stay in the slice they are in, so that a change touches
 * as few slices as in a real cluster; from nothing, the same input always gives the same slices.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../model/address.ts';
import { objectName } from '../model/names.ts';
import type { EndpointSliceObject, Labels, ServiceObject, SliceEndpoint } from '../model/objects.ts';
import { MANAGED_BY_LABEL, OUR_MANAGER, SERVICE_NAME_LABEL } from './labels.ts';

const NAME_PATTERN = /^(.+)-ipv[46]-\d+$/;

/** Endpoints that share family and ports. One without endpoints becomes one slice without endpoints. */
export interface EndpointGroup {
  readonly family: Family;
  readonly ports: EndpointSliceObject['ports'];
  readonly endpoints: readonly SliceEndpoint[];
}

/** What is known of slices made here beside their endpoints. */
export interface SliceSurroundings {
  /** Whether a slice of that name was made by hand. */
  readonly isTaken: (name: string) => boolean;
  /** The slices made before. */
  readonly former: readonly EndpointSliceObject[];
}

/** What all slices of one object have in common. */
export interface SliceTemplate {
  /** Beside those that say whose they are. */
  readonly labels: Labels;
  readonly annotations: Labels;
  /** How many endpoints a slice may hold. */
  readonly largest: number;
}

/** A slice being filled. */
interface Draft {
  readonly name: string;
  readonly group: EndpointGroup;
  readonly endpoints: SliceEndpoint[];
  /** As it was before; null for a new one. */
  readonly former: EndpointSliceObject | null;
}

/**
 * Slices named `SERVICE-ipv4-0`, `-1` …; numbers whose name is taken by hand are left out. As the endpoint slice
 * controller does: new endpoints go into slices that change anyhow, the fullest first; what then is left into the
 * fullest other slice that has room for all of it, else into new slices, which take the place of those given up.
 */
export function packSlices(
  service: ServiceObject,
  groups: readonly EndpointGroup[],
  template: SliceTemplate,
  surroundings: SliceSurroundings,
): readonly EndpointSliceObject[] {
  const labelled = { ...template, labels: sliceLabels(service, template.labels) };
  const kept = groups.map((group) => keptSlices(group, surroundings));
  const used = new Set(kept.flatMap(({ drafts }) => drafts.map(({ name }) => name)));
  const freeName = createNaming(service, surroundings, used);
  return groups.flatMap((group, index) => {
    const { drafts: before, rest } = kept[index] ?? { drafts: [], rest: group.endpoints };
    const create = (): Draft => ({ name: freeName(group.family), group, endpoints: [], former: null });
    const drafts =
      group.endpoints.length > 0 ? filled(before, rest, labelled, create) : [before[0] ?? create()];
    // In the order of the group, as new slices are: which endpoint came when leaves no trace.
    const place = placesIn(group);
    return drafts.map((draft) => sliceOf(service, labelled, draft, place));
  });
}

/** The Service whose slices are named like this one; undefined for any other name. */
export function serviceNamedBy(sliceName: string): string | undefined {
  return NAME_PATTERN.exec(sliceName)?.[1];
}

function sliceLabels(service: ServiceObject, labels: Labels): Labels {
  return { ...labels, [SERVICE_NAME_LABEL]: service.name, [MANAGED_BY_LABEL]: OUR_MANAGER };
}

/** A slice that is given up lends its name first: what takes its place is an edit then, no removal and a new slice. */
function createNaming(
  { name: service }: ServiceObject,
  { isTaken, former }: SliceSurroundings,
  used: Set<string>,
): (family: Family) => string {
  const take = (name: string): string | undefined => {
    if (used.has(name) || isTaken(name)) return undefined;
    used.add(name);
    return name;
  };
  return (family) => {
    for (const { addressType, name } of former) {
      const lent = addressType === family ? take(name) : undefined;
      if (lent !== undefined) return lent;
    }
    for (let number = 0; ; number++) {
      // Service names have at most 63 characters, so this always is a valid name.
      const free = take(`${service}-${family.toLowerCase()}-${number}`);
      if (free !== undefined) return free;
    }
  };
}

/** The group's slices that go on, with the endpoints that go on in them; and the endpoints that are in none. */
function keptSlices(
  group: EndpointGroup,
  { isTaken, former }: SliceSurroundings,
): { readonly drafts: readonly Draft[]; readonly rest: readonly SliceEndpoint[] } {
  if (former.length === 0) return { drafts: [], rest: group.endpoints };
  const wanted = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const ports = JSON.stringify(group.ports);
  const drafts = former.flatMap((slice): readonly Draft[] => {
    const { name, addressType, endpoints: before } = slice;
    if (addressType !== group.family || JSON.stringify(slice.ports) !== ports || isTaken(name)) return [];
    const endpoints = before.flatMap((endpoint) => {
      const now = wanted.get(identityOf(endpoint));
      wanted.delete(identityOf(endpoint));
      return now ?? [];
    });
    const isIdle = endpoints.length === 0 && (group.endpoints.length > 0 || before.length > 0);
    return isIdle ? [] : [{ name, group, endpoints, former: slice }];
  });
  return { drafts, rest: [...wanted.values()] };
}

function filled(
  before: readonly Draft[],
  rest: readonly SliceEndpoint[],
  { labels, largest }: SliceTemplate,
  create: () => Draft,
): readonly Draft[] {
  if (rest.length === 0) return before;
  const left = [...rest];
  const fill = ({ endpoints }: Draft): void => {
    endpoints.push(...left.splice(0, largest - endpoints.length));
  };
  const isUnchanged = ({ endpoints, former }: Draft): boolean =>
    former !== null &&
    isDeepStrictEqual(endpoints, former.endpoints) &&
    isDeepStrictEqual(labels, former.labels);
  const fullestFirst = [...before].sort((a, b) => b.endpoints.length - a.endpoints.length);
  const unchanged = fullestFirst.filter(isUnchanged);
  for (const draft of fullestFirst) if (!unchanged.includes(draft)) fill(draft);
  const roomy = (): Draft | undefined =>
    unchanged.find(({ endpoints }) => endpoints.length + left.length <= largest);
  const created: Draft[] = [];
  while (left.length > 0) {
    const draft = roomy() ?? create();
    fill(draft);
    if (draft.former === null) created.push(draft);
  }
  return [...before, ...created];
}

/** What makes it the same endpoint, whatever its conditions. */
function identityOf({ addresses, targetPod }: SliceEndpoint): string {
  return `${targetPod ?? ''} ${addresses.join()}`;
}

function sliceOf(
  { namespace, name: service }: ServiceObject,
  { labels, annotations }: SliceTemplate,
  { name, group, endpoints, former }: Draft,
  place: (endpoint: SliceEndpoint) => number,
): EndpointSliceObject {
  return {
    kind: 'EndpointSlice',
    namespace,
    name,
    uid: '',
    labels,
    annotations,
    createdAtMs: null,
    deleting: false,
    service: objectName(namespace, service),
    addressType: group.family,
    ports: group.ports,
    endpoints: former === null ? endpoints : endpoints.sort((a, b) => place(a) - place(b)),
  };
}

/** Where an endpoint stands in its group. Nothing is counted before it is asked for. */
function placesIn({ endpoints }: EndpointGroup): (endpoint: SliceEndpoint) => number {
  let places: ReadonlyMap<SliceEndpoint, number> | undefined;
  return (endpoint) => {
    places ??= new Map(endpoints.map((each, index) => [each, index]));
    return places.get(endpoint) ?? 0;
  };
}
