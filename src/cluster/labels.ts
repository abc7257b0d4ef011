/** Labels and annotations by which Services, slices and controllers know each other. */

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';
export const HEADLESS_LABEL = 'service.kubernetes.io/headless';
export const SKIP_MIRROR_LABEL = 'endpointslice.kubernetes.io/skip-mirror';
export const ZONE_LABEL = 'topology.kubernetes.io/zone';
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';
export const TRIGGER_TIME_ANNOTATION = 'endpoints.kubernetes.io/last-change-trigger-time';
export const LAST_APPLIED_ANNOTATION = 'kubectl.kubernetes.io/last-applied-configuration';
export const LEADER_ANNOTATION = 'control-plane.alpha.kubernetes.io/leader';

/** Slices with this manager are made here; those in the input are made anew. */
export const OUR_MANAGER = 'control-plane.weir.dev';
/** Slices of a real cluster's controllers: where the input holds them, none are made for that Service. */
export const FOREIGN_MANAGERS: readonly string[] = [
  'endpointslice-controller.k8s.io',
  'endpointslicemirroring-controller.k8s.io',
];

const TOPOLOGY_ANNOTATIONS = [
  'service.kubernetes.io/topology-mode',
  'service.kubernetes.io/topology-aware-hints',
];

/** Whether topology-mode (or its older name) asks for hints; both spellings of Auto are allowed. */
export function wantsTopologyHints(annotations: Readonly<Record<string, string>>): boolean {
  const mode = TOPOLOGY_ANNOTATIONS.map((name) => annotations[name]).find((value) => value !== undefined);
  return mode === 'Auto' || mode === 'auto';
}
