/** EndpointSlices mirrored from a hand-made Endpoints object of a Service without selector. */
import { FAMILIES, type Family, familyOf } from '../model/address.ts';
import { compareText } from '../model/names.ts';
import type {
  EndpointSliceObject,
  EndpointsAddress,
  EndpointsObject,
  Labels,
  ServiceObject,
  SliceEndpoint,
} from '../model/objects.ts';
import {
  LAST_APPLIED_ANNOTATION,
  LEADER_ANNOTATION,
  SKIP_MIRROR_LABEL,
  TRIGGER_TIME_ANNOTATION,
} from './labels.ts';
import type { ProblemText } from './problems.ts';
import { type EndpointGroup, packSlices, type SliceSurroundings } from './slice-packing.ts';

/** Of a subset, ready addresses first; the rest is left out. All of a subset are in one slice. */
const MOST_ADDRESSES = 1000;

/** Whether these Endpoints say where a Service leads: not if they opt out, or only hold a leader-election record. */
export function isMirrored({ labels, annotations }: EndpointsObject): boolean {
  return labels[SKIP_MIRROR_LABEL] !== 'true' && annotations[LEADER_ANNOTATION] === undefined;
}

/** The slices that say the same as the Endpoints, as far as these are mirrored. */
export function slicesFromEndpoints(
  service: ServiceObject,
  endpoints: EndpointsObject,
  surroundings: SliceSurroundings,
): { readonly slices: readonly EndpointSliceObject[]; readonly problems: readonly ProblemText[] } {
  const subsets = endpoints.subsets.map(truncated);
  const groups = FAMILIES.flatMap((family) => groupsOf(subsets, family));
  const skipped = countAddresses(endpoints.subsets) - countAddresses(subsets);
  const annotations = mirroredAnnotations(endpoints);
  const template = { labels: endpoints.labels, annotations, largest: MOST_ADDRESSES };
  return {
    slices: packSlices(service, groups, template, surroundings),
    problems: skipped === 0 ? [] : [tooManyAddresses(skipped)],
  };
}

function mirroredAnnotations({ annotations }: EndpointsObject): Labels {
  const { [TRIGGER_TIME_ANNOTATION]: _, [LAST_APPLIED_ANNOTATION]: __, ...others } = annotations;
  return others;
}

type Subset = EndpointsObject['subsets'][number];

function truncated({ addresses, notReadyAddresses, ports }: Subset): Subset {
  const ready = addresses.slice(0, MOST_ADDRESSES);
  const room = MOST_ADDRESSES - ready.length;
  return { addresses: ready, notReadyAddresses: notReadyAddresses.slice(0, room), ports };
}

function countAddresses(subsets: readonly Subset[]): number {
  return subsets.reduce(
    (sum, { addresses, notReadyAddresses }) => sum + addresses.length + notReadyAddresses.length,
    0,
  );
}

function groupsOf(subsets: readonly Subset[], family: Family): readonly EndpointGroup[] {
  const groups = new Map<string, Map<string, SliceEndpoint>>();
  for (const { addresses, notReadyAddresses, ports } of subsets) {
    const key = JSON.stringify(ports);
    const group = groups.get(key) ?? new Map<string, SliceEndpoint>();
    groups.set(key, group);
    for (const address of notReadyAddresses) addEndpoint(group, address, family, false);
    // Ready last: an address in both lists is ready.
    for (const address of addresses) addEndpoint(group, address, family, true);
  }
  return [...groups]
    .filter(([, group]) => group.size > 0)
    .sort(([a], [b]) => compareText(a, b))
    .map(([key, group]) => ({
      family,
      ports: JSON.parse(key) as EndpointSliceObject['ports'],
      endpoints: [...group].sort(([a], [b]) => compareText(a, b)).map(([, endpoint]) => endpoint),
    }));
}

function addEndpoint(
  group: Map<string, SliceEndpoint>,
  { address, nodeName, targetPod, hostname }: EndpointsAddress,
  family: Family,
  ready: boolean,
): void {
  if (familyOf(address) !== family) return;
  group.set(address, {
    addresses: [address],
    ready,
    serving: ready,
    terminating: false,
    nodeName,
    zone: null,
    hintZones: [],
    hintNodes: [],
    targetPod,
    hostname,
  });
}

function tooManyAddresses(skipped: number): ProblemText {
  return {
    severity: 'warning',
    field: 'subsets',
    reason: 'TooManyAddressesToMirror',
    message: `${skipped} addresses of the Endpoints are left out: at most ${MOST_ADDRESSES} of a subset are mirrored`,
    remedy: 'write EndpointSlices instead of Endpoints',
  };
}
