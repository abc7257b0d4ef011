/**
 * Groups of endpoints into slices of at most 100. Endpoints stay in the slice they are in, so that a change touches as
 * few slices as in a real cluster; from nothing, the same input always gives the same slices.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Family } from '../model/address.ts';
import { objectName } from '../model/names.ts';
import type { EndpointSliceObject, Labels, ServiceObject, SliceEndpoint } from '../model/objects.ts';
import { HEADLESS_LABEL, MANAGED_BY_LABEL, OUR_MANAGER, SERVICE_NAME_LABEL } from './labels.ts';

const LARGEST_SLICE = 100;
const NAME_PATTERN = /^(.+)-ipv[46]-\d+$/;

/** Endpoints that share family and ports. */
export interface EndpointGroup {
  readonly family: Family;
  readonly ports: EndpointSliceObject['ports'];
  readonly endpoints: readonly SliceEndpoint[];
}

/** What is known of slices made here beside their endpoints. */
export interface SliceSurroundings {
  /** Labels of the object that the slices follow from: slices carry them too. */
  readonly labels: Labels;
  /** Whether a slice of that name was made by hand. */
  readonly isTaken: (name: string) => boolean;
  /** The slices made before. */
  readonly former: readonly EndpointSliceObject[];
}

/** A slice being filled. */
interface Draft {
  readonly name: string;
  readonly group: EndpointGroup;
  readonly endpoints: SliceEndpoint[];
  /** Those of the slice before; null for a new one. */
  readonly former: readonly SliceEndpoint[] | null;
}

/**
 * Slices named `SERVICE-ipv4-0`, `-1` …; numbers whose name is taken by hand are left out. As the endpoint slice
 * controller does: new endpoints go into slices that change anyhow, the fullest first; what then is left into the
 * fullest other slice that has room for all of it, else into new slices.
 */
export function packSlices(
  service: ServiceObject,
  groups: readonly EndpointGroup[],
  surroundings: SliceSurroundings,
): readonly EndpointSliceObject[] {
  const kept = groups.map((group) => keptSlices(group, surroundings));
  const used = new Set(kept.flatMap(({ drafts }) => drafts.map(({ name }) => name)));
  const freeName = (family: Family): string => {
    for (let number = 0; ; number++) {
      const name = sliceName(service, family, number);
      if (used.has(name) || surroundings.isTaken(name)) continue;
      used.add(name);
      return name;
    }
  };
  const drafts = groups.flatMap((group, index) => {
    const { drafts: before, rest } = kept[index] ?? { drafts: [], rest: group.endpoints };
    return filled(before, rest, () => ({
      name: freeName(group.family),
      group,
      endpoints: [],
      former: null,
    }));
  });
  return drafts.map((draft) => sliceOf(service, surroundings.labels, draft));
}

/** The Service whose slices are named like this one; undefined for any other name. */
export function serviceNamedBy(sliceName: string): string | undefined {
  return NAME_PATTERN.exec(sliceName)?.[1];
}

/** The group's slices that go on, with the endpoints that go on in them; and the endpoints that are in none. */
function keptSlices(
  group: EndpointGroup,
  { isTaken, former }: SliceSurroundings,
): { readonly drafts: readonly Draft[]; readonly rest: readonly SliceEndpoint[] } {
  const wanted = new Map(group.endpoints.map((endpoint) => [identityOf(endpoint), endpoint]));
  const ports = JSON.stringify(group.ports);
  const drafts = former.flatMap(({ name, addressType, ports: formerPorts, endpoints: before }) => {
    if (addressType !== group.family || JSON.stringify(formerPorts) !== ports || isTaken(name)) return [];
    const endpoints = before.flatMap((endpoint) => {
      const now = wanted.get(identityOf(endpoint));
      wanted.delete(identityOf(endpoint));
      return now ?? [];
    });
    return endpoints.length === 0 ? [] : { name, group, endpoints, former: before };
  });
  return { drafts, rest: [...wanted.values()] };
}

function filled(
  before: readonly Draft[],
  rest: readonly SliceEndpoint[],
  create: () => Draft,
): readonly Draft[] {
  if (rest.length === 0) return before;
  const left = [...rest];
  const fill = ({ endpoints }: Draft): void => {
    endpoints.push(...left.splice(0, LARGEST_SLICE - endpoints.length));
  };
  const fullestFirst = [...before].sort((a, b) => b.endpoints.length - a.endpoints.length);
  const unchanged = fullestFirst.filter(({ endpoints, former }) => isDeepStrictEqual(endpoints, former));
  for (const draft of fullestFirst) if (!unchanged.includes(draft)) fill(draft);
  const roomy = (): Draft | undefined =>
    unchanged.find(({ endpoints }) => endpoints.length + left.length <= LARGEST_SLICE);
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

/** Service names have at most 63 characters, so this always is a valid name. */
function sliceName(service: ServiceObject, family: Family, number: number): string {
  return `${service.name}-${family.toLowerCase()}-${number}`;
}

function sliceOf(
  service: ServiceObject,
  labels: Labels,
  { name, group, endpoints }: Draft,
): EndpointSliceObject {
  const { namespace, clusterIps } = service;
  const { [HEADLESS_LABEL]: _, ...others } = labels;
  // In the order of the group: which one came when leaves no trace.
  const place = new Map(group.endpoints.map((endpoint, index) => [endpoint, index]));
  return {
    kind: 'EndpointSlice',
    namespace,
    name,
    uid: '',
    labels: {
      ...others,
      [SERVICE_NAME_LABEL]: service.name,
      [MANAGED_BY_LABEL]: OUR_MANAGER,
      ...(clusterIps === 'headless' ? { [HEADLESS_LABEL]: '' } : {}),
    },
    annotations: {},
    createdAtMs: null,
    deleting: false,
    service: objectName(namespace, service.name),
    addressType: group.family,
    ports: group.ports,
    endpoints: [...endpoints].sort((a, b) => (place.get(a) ?? 0) - (place.get(b) ?? 0)),
  };
}
