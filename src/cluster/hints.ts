/** Topology hints of the endpoints of a Service: which zones and nodes each one is meant for. */
import type { NodeName } from '../model/names.ts';
import type { NodeObject, ServiceObject, SliceEndpoint } from '../model/objects.ts';
import { wantsTopologyHints, ZONE_LABEL } from './labels.ts';

export interface ClusterZones {
  /** The zone of the node's label; null where it has none or does not exist. */
  zoneOf(node: NodeName): string | null;
  /** Zones that have nodes, sorted; null when some node is in no zone. */
  readonly all: readonly string[] | null;
}

export function zonesOf(nodes: ReadonlyMap<NodeName, NodeObject>): ClusterZones {
  const zones = [...nodes.values()].map((node) => node.labels[ZONE_LABEL] ?? '');
  return {
    zoneOf: (name) => nodes.get(name)?.labels[ZONE_LABEL] ?? null,
    all: zones.includes('') ? null : [...new Set(zones)].sort(),
  };
}

/**
 * Endpoints of one family with their hints, in the same order. Only ready ones get any. The annotation topology-mode
 * comes before trafficDistribution; it hints each endpoint to its own zone if every zone has an endpoint, else none.
 */
export function withHints(
  service: ServiceObject,
  endpoints: readonly SliceEndpoint[],
  zones: ClusterZones,
): readonly SliceEndpoint[] {
  if (wantsTopologyHints(service.annotations)) {
    return everyZoneServed(endpoints, zones) ? endpoints.map(hintOwnZone) : endpoints;
  }
  switch (service.trafficDistribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return endpoints.map(hintOwnZone);
    case 'PreferSameNode':
      return endpoints.map(hintOwnNode);
    case null:
      return endpoints;
  }
}

function everyZoneServed(endpoints: readonly SliceEndpoint[], { all }: ClusterZones): boolean {
  if (all === null || all.length === 0) return false;
  const served = new Set(endpoints.filter(({ ready }) => ready).map(({ zone }) => zone));
  return !served.has(null) && all.every((zone) => served.has(zone));
}

function hintOwnZone(endpoint: SliceEndpoint): SliceEndpoint {
  if (!endpoint.ready || endpoint.zone === null) return endpoint;
  return { ...endpoint, hintZones: [endpoint.zone] };
}

function hintOwnNode(endpoint: SliceEndpoint): SliceEndpoint {
  if (!endpoint.ready || endpoint.nodeName === null) return endpoint;
  return { ...hintOwnZone(endpoint), hintNodes: [endpoint.nodeName] };
}
