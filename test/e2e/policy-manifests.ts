/** Policies as a person would write them, shortened. */
import type { Manifest } from './manifests.ts';

type Fields = Readonly<Record<string, unknown>>;

interface PolicyOptions {
  readonly namespace?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A NetworkPolicy. `spec` without podSelector selects the pods labelled `app: NAME`. */
export function networkPolicy(name: string, spec: Fields, options: PolicyOptions = {}): Manifest {
  const { namespace = 'default', annotations = {} } = options;
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, annotations },
    spec: { podSelector: { matchLabels: { app: name } }, ...spec },
  };
}

/** A ClusterNetworkPolicy for all pods unless `spec` says otherwise. */
export function clusterPolicy(name: string, priority: number, spec: Fields): Manifest {
  return {
    apiVersion: 'policy.networking.k8s.io/v1alpha2',
    kind: 'ClusterNetworkPolicy',
    metadata: { name },
    spec: { tier: 'Admin', priority, subject: { namespaces: {} }, ...spec },
  };
}

export function namespace(name: string, labels: Readonly<Record<string, string>> = {}): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

/** A peer of a NetworkPolicy: pods with this label in the policy's own namespace. */
export function podsLabelled(app: string): Fields {
  return { podSelector: { matchLabels: { app } } };
}
