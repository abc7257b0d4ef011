/** The read-only face of the world: the latest objects and the indexes that compiling needs. */
import type { NodeName, ObjectKey, ObjectName } from './names.ts';
import type {
  EndpointSliceObject,
  NamespaceObject,
  NodeObject,
  PodObject,
  PolicyObject,
  ServiceCidrObject,
  ServiceObject,
} from './objects.ts';

export interface ClusterView {
  readonly namespaces: ReadonlyMap<string, NamespaceObject>;
  readonly nodes: ReadonlyMap<NodeName, NodeObject>;
  readonly pods: ReadonlyMap<ObjectName, PodObject>;
  readonly services: ReadonlyMap<ObjectName, ServiceObject>;
  readonly serviceCidrs: ReadonlyMap<string, ServiceCidrObject>;
  /** NetworkPolicies and ClusterNetworkPolicies. */
  readonly policies: ReadonlyMap<ObjectKey, PolicyObject>;
  /** Slices of the Service, ordered by name. Empty when it has none. */
  slicesOf(service: ObjectName): readonly EndpointSliceObject[];
  podsOnNode(node: NodeName): Iterable<PodObject>;
}

/** What a batch of changes touched: all that an incremental compile has to look at again. */
export interface Touched {
  /** Services that changed, came, went, or whose slices did. */
  readonly services: ReadonlySet<ObjectName>;
  readonly pods: ReadonlySet<ObjectName>;
  readonly nodes: ReadonlySet<NodeName>;
  readonly namespaces: ReadonlySet<string>;
  readonly serviceCidrs: ReadonlySet<string>;
  readonly policies: ReadonlySet<ObjectKey>;
}
