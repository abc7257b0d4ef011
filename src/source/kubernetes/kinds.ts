/** The kinds that are listed and watched, and where the API server serves them. */
import type { ObjectKind } from '../../model/objects.ts';

export interface WatchedKind {
  readonly kind: ObjectKind;
  readonly apiVersion: string;
  /** As RBAC names it, with its group: `endpointslices.discovery.k8s.io`. */
  readonly resource: string;
  /** Path of all objects of the cluster. */
  readonly path: string;
  /** A cluster may do without, and so may its agents: older servers lack the kind, or nobody installed it. */
  readonly optional?: true;
}

/** In this order they are begun. */
export const WATCHED_KINDS: readonly WatchedKind[] = [
  { kind: 'Namespace', apiVersion: 'v1', resource: 'namespaces', path: '/api/v1/namespaces' },
  { kind: 'Node', apiVersion: 'v1', resource: 'nodes', path: '/api/v1/nodes' },
  { kind: 'Pod', apiVersion: 'v1', resource: 'pods', path: '/api/v1/pods' },
  { kind: 'Service', apiVersion: 'v1', resource: 'services', path: '/api/v1/services' },
  {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    resource: 'endpointslices.discovery.k8s.io',
    path: '/apis/discovery.k8s.io/v1/endpointslices',
  },
  {
    kind: 'NetworkPolicy',
    apiVersion: 'networking.k8s.io/v1',
    resource: 'networkpolicies.networking.k8s.io',
    path: '/apis/networking.k8s.io/v1/networkpolicies',
  },
  {
    kind: 'ClusterNetworkPolicy',
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    resource: 'clusternetworkpolicies.policy.networking.k8s.io',
    path: '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies',
    optional: true,
  },
  {
    kind: 'ServiceCIDR',
    apiVersion: 'networking.k8s.io/v1',
    resource: 'servicecidrs.networking.k8s.io',
    path: '/apis/networking.k8s.io/v1/servicecidrs',
    optional: true,
  },
];
