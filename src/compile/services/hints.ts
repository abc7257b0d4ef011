/**
 * Topology hints as kube-proxy reads them (KEP-2433, KEP-4444, KEP-3015): the control plane writes them into slices, and
 * they count only if every ready endpoint has one, since a partly hinted set would overload the few that have (A52–A56).
 */
import type { NodeName } from '../../model/names.ts';
import type { SliceEndpoint } from '../../model/objects.ts';

/** Which hints decide here; `none`: all endpoints are used. */
export type HintMode = 'node' | 'zone' | 'none';

/** Chooses between hints from the ready endpoints. `zone`: this node's, null without the label. */
export function hintModeOf(ready: readonly SliceEndpoint[], node: NodeName, zone: string | null): HintMode {
  if (ready.length === 0) return 'none';
  if (ready.every(({ hintNodes }) => hintNodes.length > 0) && ready.some((e) => e.hintNodes.includes(node)))
    return 'node';
  if (zone === null || !ready.every(({ hintZones }) => hintZones.length > 0)) return 'none';
  return ready.some(({ hintZones }) => hintZones.includes(zone)) ? 'zone' : 'none';
}

/** Whether hints of this mode send the node's traffic to the endpoint. */
export function hintedHere(
  endpoint: SliceEndpoint,
  mode: HintMode,
  node: NodeName,
  zone: string | null,
): boolean {
  if (mode === 'node') return endpoint.hintNodes.includes(node);
  return mode === 'none' || (zone !== null && endpoint.hintZones.includes(zone));
}
