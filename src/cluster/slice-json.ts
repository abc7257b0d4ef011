/** Kubernetes JSON of EndpointSlices and Endpoints. */
import type { ObjectName } from '../model/names.ts';
import type { EndpointSliceObject, EndpointsObject, SliceEndpoint } from '../model/objects.ts';
import { fieldsOf, given, isEmpty, type JsonObject, listOf, metadataOf } from './json-fields.ts';
import { MANAGED_BY_LABEL, OUR_MANAGER } from './labels.ts';

/** uids by pod, of those that have one. */
export type PodUids = ReadonlyMap<ObjectName, string>;

/** A slice that the control plane made, as its controller writes it; one made by hand over its manifest, with defaults. */
export function sliceJson(slice: EndpointSliceObject, raw: JsonObject, pods: PodUids): JsonObject {
  const whole = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    ...raw,
    metadata: metadataOf(slice, raw),
  };
  const { addressType, ports, endpoints } = slice;
  if (slice.labels[MANAGED_BY_LABEL] === OUR_MANAGER) {
    return { ...whole, addressType, ports, endpoints: endpoints.map((each) => endpointJson(each, pods)) };
  }
  const written = listOf(raw.ports).map((port) => ({ name: '', protocol: 'TCP', ...given(fieldsOf(port)) }));
  return { ...whole, ports: written, endpoints: listOf(raw.endpoints) };
}

/** Endpoints over their manifest, with the API server's defaults. */
export function endpointsJson(endpoints: EndpointsObject, raw: JsonObject): JsonObject {
  const subsets = listOf(raw.subsets).map((item) => {
    const subset = fieldsOf(item);
    const ports = listOf(subset.ports).map((port) => ({ protocol: 'TCP', ...given(fieldsOf(port)) }));
    return ports.length === 0 ? subset : { ...subset, ports };
  });
  return { ...raw, metadata: metadataOf(endpoints, raw), ...(subsets.length === 0 ? {} : { subsets }) };
}

function endpointJson(endpoint: SliceEndpoint, pods: PodUids): JsonObject {
  const { addresses, ready, serving, terminating, hostname, nodeName, zone, targetPod } = endpoint;
  const [forZones, forNodes] = [endpoint.hintZones, endpoint.hintNodes].map((names) =>
    names.map((name) => ({ name })),
  );
  const hints = {
    ...(endpoint.hintZones.length === 0 ? {} : { forZones }),
    ...(endpoint.hintNodes.length === 0 ? {} : { forNodes }),
  };
  return {
    addresses,
    conditions: { ready, serving, terminating },
    ...(hostname === null ? {} : { hostname }),
    ...(targetPod === null ? {} : { targetRef: podReference(targetPod, pods) }),
    ...(nodeName === null ? {} : { nodeName }),
    ...(zone === null ? {} : { zone }),
    ...(isEmpty(hints) ? {} : { hints }),
  };
}

function podReference(pod: ObjectName, uids: PodUids): JsonObject {
  const [namespace, name] = pod.split('/');
  const uid = uids.get(pod);
  return { kind: 'Pod', namespace, name, ...(uid === undefined ? {} : { uid }) };
}
