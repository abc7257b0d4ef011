/** What the oracle is asked and what it answers. It knows objects only: never rows, indexes or anything that was compiled. */
import type { Address } from '../../src/model/address.ts';
import type { NodeName, Port, Protocol } from '../../src/model/names.ts';
import type {
  EndpointSliceObject,
  NodeObject,
  PodObject,
  ServiceObject,
  WeirObject,
} from '../../src/model/objects.ts';
import type { FrontendKind } from '../../src/model/rows.ts';

/** A new connection (or first datagram) as it enters a node. */
export interface Question {
  readonly node: NodeName;
  readonly source: {
    readonly address: Address;
    /** `node`: a process of this node sent it; `pod`: a pod of this node did; `outside`: it came over a wire. */
    readonly origin: 'node' | 'pod' | 'outside';
  };
  readonly destination: Address;
  readonly port: Port;
  readonly protocol: Protocol;
}

/** What Kubernetes' documentation says must happen. */
export interface Expectation {
  readonly verdict: 'translated' | 'rejected' | 'dropped' | 'untouched';
  /** Sorted `address:port`; empty unless translated. */
  readonly candidates: readonly string[];
  /** The share of each candidate beside the others, in the same order (F8). */
  readonly weights: readonly number[];
  /** The candidates whose server sees an address of the node instead of the client's. */
  readonly masqueraded: readonly string[];
  /** `namespace/name:portName` (of the Pod for host ports); null when no frontend matched. */
  readonly service: string | null;
  readonly frontend: FrontendKind | null;
  readonly affinitySeconds: number | null;
}

/** The objects, sorted into their kinds. */
export interface Cluster {
  readonly nodes: readonly NodeObject[];
  readonly pods: readonly PodObject[];
  readonly services: readonly ServiceObject[];
  readonly slices: readonly EndpointSliceObject[];
}

/** Sorts completed objects into their kinds. */
export function clusterOf(objects: readonly WeirObject[]): Cluster {
  return {
    nodes: objects.filter((object) => object.kind === 'Node'),
    pods: objects.filter((object) => object.kind === 'Pod'),
    services: objects.filter((object) => object.kind === 'Service'),
    slices: objects.filter((object) => object.kind === 'EndpointSlice'),
  };
}
