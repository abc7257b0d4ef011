/** Groups of endpoints into slices of at most 100, with names that the same input always gives again. */
import type { Family } from '../model/address.ts';
import { objectName } from '../model/names.ts';
import type { EndpointSliceObject, ServiceObject, SliceEndpoint } from '../model/objects.ts';
import { HEADLESS_LABEL, MANAGED_BY_LABEL, OUR_MANAGER, SERVICE_NAME_LABEL } from './labels.ts';

const LARGEST_SLICE = 100;
const NAME_PATTERN = /^(.+)-ipv[46]-\d+$/;

/** Endpoints that share family and ports. */
export interface EndpointGroup {
  readonly family: Family;
  readonly ports: EndpointSliceObject['ports'];
  readonly endpoints: readonly SliceEndpoint[];
}

/** Slices named `SERVICE-ipv4-0`, `-1` …; numbers whose name is taken by hand are left out. */
export function packSlices(
  service: ServiceObject,
  groups: readonly EndpointGroup[],
  isTaken: (name: string) => boolean,
): readonly EndpointSliceObject[] {
  const next = new Map<Family, number>();
  const slices: EndpointSliceObject[] = [];
  for (const { family, ports, endpoints } of groups) {
    for (let start = 0; start < endpoints.length; start += LARGEST_SLICE) {
      let number = next.get(family) ?? 0;
      while (isTaken(sliceName(service, family, number))) number++;
      next.set(family, number + 1);
      const chunk = endpoints.slice(start, start + LARGEST_SLICE);
      slices.push(sliceOf(service, sliceName(service, family, number), family, ports, chunk));
    }
  }
  return slices;
}

/** The Service whose slices are named like this one; undefined for any other name. */
export function serviceNamedBy(sliceName: string): string | undefined {
  return NAME_PATTERN.exec(sliceName)?.[1];
}

/** Service names have at most 63 characters, so this always is a valid name. */
function sliceName(service: ServiceObject, family: Family, number: number): string {
  return `${service.name}-${family.toLowerCase()}-${number}`;
}

function sliceOf(
  service: ServiceObject,
  name: string,
  addressType: Family,
  ports: EndpointSliceObject['ports'],
  endpoints: readonly SliceEndpoint[],
): EndpointSliceObject {
  const { namespace, clusterIps } = service;
  return {
    kind: 'EndpointSlice',
    namespace,
    name,
    uid: '',
    labels: {
      [SERVICE_NAME_LABEL]: service.name,
      [MANAGED_BY_LABEL]: OUR_MANAGER,
      ...(clusterIps === 'headless' ? { [HEADLESS_LABEL]: '' } : {}),
    },
    annotations: {},
    createdAtMs: null,
    deleting: false,
    service: objectName(namespace, service.name),
    addressType,
    ports,
    endpoints,
  };
}
