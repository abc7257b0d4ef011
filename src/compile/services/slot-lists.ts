/** The two slot lists of a Service port, `cluster` and `local`, and why the other endpoints are in neither. */
import { type Address, addressBytes, familyOf, formatEndpoint } from '../../model/address.ts';
import { compareText, type NodeName } from '../../model/names.ts';
import type { BackendRow, Excluded, ExclusionReason } from '../../model/rows.ts';
import { type MergedEndpoint, type MergedEndpoints, stateRank, stateReason } from './endpoints.ts';
import { hintedHere, hintModeOf } from './hints.ts';

/** The node whose point of view decides. */
export interface Viewpoint {
  readonly node: NodeName;
  /** Value of the label topology.kubernetes.io/zone; null without it. */
  readonly zone: string | null;
  /** The address is this node's own or that of one of its pods. */
  isHere(address: Address): boolean;
}

/** The slot lists of one Service port and family, as rows have them. */
export interface SlotLists {
  readonly cluster: readonly BackendRow[];
  readonly local: readonly BackendRow[];
  readonly excluded: readonly Excluded[];
}

/**
 * Picks the lists: ready endpoints (for `cluster` those hinted to this node), or, if there is none, those that still
 * serve while they terminate; decided for each list by itself (A46, A47). `usesLocal`: some traffic policy of the
 * Service is Local, so that being absent from the local list is worth an explanation.
 */
export function slotListsOf(merged: MergedEndpoints, here: Viewpoint, usesLocal: boolean): SlotLists {
  const endpoints = sortEndpoints(merged.usable);
  const ready = endpoints.filter(({ source }) => source.ready);
  const mode = hintModeOf(
    ready.map(({ source }) => source),
    here.node,
    here.zone,
  );
  const hinted = ready.filter(({ source }) => hintedHere(source, mode, here.node, here.zone));
  const cluster = ready.length > 0 ? hinted : endpoints.filter(servesWhileTerminating);
  const onNode = endpoints.filter(({ source }) => source.nodeName === here.node);
  const readyOnNode = onNode.filter(({ source }) => source.ready);
  const local = readyOnNode.length > 0 ? readyOnNode : onNode.filter(servesWhileTerminating);
  const excluded = [...merged.unusable];
  const [inCluster, inLocal] = [new Set(cluster), new Set(local)];
  for (const endpoint of endpoints) {
    const clusterWhy = inCluster.has(endpoint)
      ? null
      : (stateReason(endpoint.source) ?? (mode === 'node' ? 'other-node' : 'other-zone'));
    const localWhy = inLocal.has(endpoint) ? null : (stateReason(endpoint.source) ?? 'other-node');
    addExcluded(excluded, endpoint, clusterWhy, usesLocal || clusterWhy === localWhy ? localWhy : null);
  }
  return {
    cluster: cluster.map((endpoint) => backendOf(endpoint, here)),
    local: local.map((endpoint) => backendOf(endpoint, here)),
    excluded: excluded.sort(compareExcluded),
  };
}

function servesWhileTerminating({ source }: MergedEndpoint): boolean {
  return stateRank(source) === 1;
}

function addExcluded(
  excluded: Excluded[],
  { address, port }: MergedEndpoint,
  clusterWhy: ExclusionReason | null,
  localWhy: ExclusionReason | null,
): void {
  if (clusterWhy === null && localWhy === null) return;
  const endpoint = formatEndpoint(address, port);
  if (clusterWhy !== null && clusterWhy === localWhy) {
    excluded.push({ endpoint, list: 'both', why: clusterWhy });
    return;
  }
  if (clusterWhy !== null) excluded.push({ endpoint, list: 'cluster', why: clusterWhy });
  if (localWhy !== null) excluded.push({ endpoint, list: 'local', why: localWhy });
}

// Hand-made slices seldom name nodes. Such an endpoint is not in the local list, as with kube-proxy; but where its packets
// stay is a fact, and hairpin and masquerading depend on it.
function backendOf({ address, port, weight, source }: MergedEndpoint, here: Viewpoint): BackendRow {
  return {
    address,
    port,
    weight,
    nodeLocal: source.nodeName === null ? here.isHere(address) : source.nodeName === here.node,
    nodeName: source.nodeName,
    zone: source.zone,
    pod: source.targetPod,
  };
}

function compareExcluded(a: Excluded, b: Excluded): number {
  return compareText(a.endpoint, b.endpoint) || compareText(a.list, b.list);
}

function sortEndpoints(endpoints: readonly MergedEndpoint[]): readonly MergedEndpoint[] {
  if (endpoints.length < 2) return endpoints;
  return endpoints
    .map((endpoint) => ({ endpoint, key: sortKey(endpoint.address) }))
    .sort((a, b) => compareKeys(a.key, b.key) || a.endpoint.port - b.endpoint.port)
    .map(({ endpoint }) => endpoint);
}

// Sorts like the bytes, within a family; computed once for each endpoint rather than at each comparison.
function sortKey(address: Address): number | string {
  if (familyOf(address) === 'IPv6') return Buffer.from(addressBytes(address)).toString('latin1');
  return address.split('.').reduce((key, octet) => key * 256 + Number(octet), 0);
}

function compareKeys(a: number | string, b: number | string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
