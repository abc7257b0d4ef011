/** Topology hints of the endpoints of a Service: which zones and nodes each one is meant for. */
import type { NodeName } from '../model/names.ts';
import type { NodeObject, ServiceObject, SliceEndpoint } from '../model/objects.ts';
import { wantsTopologyHints, ZONE_LABEL } from './labels.ts';
import type { ProblemText } from './problems.ts';
import { allocateZones, type ZoneShares, zoneShares } from './topology-allocation.ts';

export interface ClusterZones {
  /** The zone of the node's label; null where it has none or does not exist. */
  zoneOf(node: NodeName): string | null;
  /** How much of the cluster's CPU each zone has. */
  readonly shares: ZoneShares;
}

/** Endpoints with their hints, in the same order. */
export interface Hinted {
  readonly endpoints: readonly SliceEndpoint[];
  /** Why there are no hints though the Service asks for them. */
  readonly problems: readonly ProblemText[];
}

export function zonesOf(nodes: ReadonlyMap<NodeName, NodeObject>): ClusterZones {
  return {
    zoneOf: (name) => nodes.get(name)?.labels[ZONE_LABEL] || null,
    shares: zoneShares(nodes.values()),
  };
}

/**
 * Hints for endpoints of one family. Only ready ones get any. The annotation topology-mode comes before
 * trafficDistribution, also where it leads to no hints.
 */
export function withHints(
  service: ServiceObject,
  endpoints: readonly SliceEndpoint[],
  zones: ClusterZones,
): Hinted {
  if (wantsTopologyHints(service.annotations)) return withAllocation(endpoints, zones);
  return { endpoints: endpoints.map(hintBy(service.trafficDistribution)), problems: [] };
}

function withAllocation(endpoints: readonly SliceEndpoint[], { shares }: ClusterZones): Hinted {
  const allocation = allocateZones(endpoints, shares);
  if ('reason' in allocation) return { endpoints, problems: [hintsDisabled(allocation.reason)] };
  const hinted = endpoints.map((endpoint, index) => {
    const zone = allocation.zones[index] ?? null;
    return zone === null ? endpoint : { ...endpoint, hintZones: [zone] };
  });
  return { endpoints: hinted, problems: [] };
}

function hintBy(
  distribution: ServiceObject['trafficDistribution'],
): (endpoint: SliceEndpoint) => SliceEndpoint {
  switch (distribution) {
    case 'PreferClose':
    case 'PreferSameZone':
      return hintOwnZone;
    case 'PreferSameNode':
      return hintOwnNode;
    case null:
      return (endpoint) => endpoint;
  }
}

function hintOwnZone(endpoint: SliceEndpoint): SliceEndpoint {
  if (!endpoint.ready || endpoint.zone === null) return endpoint;
  return { ...endpoint, hintZones: [endpoint.zone] };
}

function hintOwnNode(endpoint: SliceEndpoint): SliceEndpoint {
  if (!endpoint.ready || endpoint.nodeName === null) return endpoint;
  return { ...hintOwnZone(endpoint), hintNodes: [endpoint.nodeName] };
}

function hintsDisabled(reason: string): ProblemText {
  return {
    severity: 'warning',
    field: 'metadata.annotations',
    reason: 'TopologyAwareHintsDisabled',
    message: `no topology hints: ${reason}`,
    remedy: 'spread more endpoints over all zones, give every node its zone, or use trafficDistribution',
  };
}
