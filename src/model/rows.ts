/**
 * Rows: what compiling produces and every backend installs. Names, not numbers, identify things here; a backend gives
 * them numbers. A `ServiceRows` groups the frontend, service, slot, backend and source-range rows of one Service port
 * and family, because they change together; node-wide tables stand in `NodeRows`. See the design's Tables.
 */
import type { Address, Family, Prefix } from './address.ts';
import type { NodeName, ObjectName, Port, Protocol } from './names.ts';

declare const brand: unique symbol;
/** `namespace/name:portName/PROTOCOL/FAMILY` of a Service port, `hostport:namespace/pod:port/PROTOCOL/FAMILY:hostIP:hostPort` of a host port. */
export type ServiceId = string & { readonly [brand]: 'ServiceId' };

export type FrontendKind = 'clusterIP' | 'loadBalancerIP' | 'externalIP' | 'nodePort' | 'hostPort';

/**
 * What happens to a new connection at a frontend. `cluster` and `local` choose from that slot list (which is then not
 * empty); `reject` answers at once; `drop` is silent; `pass` means that this frontend does not exist for such packets.
 */
export type Treatment = 'cluster' | 'local' | 'reject' | 'drop' | 'pass';

export interface FrontendRow {
  readonly kind: FrontendKind;
  /** null: node port (any node-port address) or host port without hostIP (any address of this node). */
  readonly address: Address | null;
  readonly port: Port;
  /** For packets from local pods and from this node. */
  readonly inside: Treatment;
  /** For all other packets, remote pods and nodes among them. */
  readonly outside: Treatment;
  /** Node ports only: for packets from inside to another node's address (A25); `pass` lets them go there. */
  readonly elsewhere: Treatment;
  /** Packets from outside must pass the service's source ranges first. */
  readonly checkSources: boolean;
}

/** How connections are spread, by the names that IPVS has for it; each is told in docs/balancing.md. */
export const SCHEDULERS = ['random', 'rr', 'wrr', 'lc', 'wlc', 'sh', 'dh', 'sed', 'nq', 'maglev'] as const;
export type Scheduler = (typeof SCHEDULERS)[number];

/** How a Service port's connections are spread over its backends, and what is done about bad ones. */
export interface Balancing {
  readonly scheduler: Scheduler;
  /** Time in which a backend that joins gets up to its full share; 0: it has it at once. */
  readonly slowStartSeconds: number;
  /** A backend that doesn't answer is left out for a while. */
  readonly ejects: boolean;
  /** A connection that isn't answered is tried with another backend. */
  readonly retries: boolean;
  /** Seconds after which TCP connections to a removed backend are ended; null: never. */
  readonly terminateAfterSeconds: number | null;
}

/** The balancing of a Service that asks for nothing. */
export const DEFAULT_BALANCING: Balancing = {
  scheduler: 'random',
  slowStartSeconds: 0,
  ejects: true,
  retries: true,
  terminateAfterSeconds: null,
};

/** The weight of an endpoint that has none of its own. */
export const DEFAULT_WEIGHT = 1;

export interface BackendRow {
  readonly address: Address;
  readonly port: Port;
  /** Its share beside others, 1 to 1000; an endpoint of weight 0 is no backend. */
  readonly weight: number;
  /** On this node: a local pod, or this node itself. */
  readonly nodeLocal: boolean;
  readonly nodeName: NodeName | null;
  readonly zone: string | null;
  readonly pod: ObjectName | null;
}

/** Why an endpoint is not a candidate. Documented in docs/explain.md; closed. */
export type ExclusionReason =
  | 'not-ready'
  | 'terminating'
  | 'other-node'
  | 'other-zone'
  | 'port-name-mismatch'
  | 'other-family'
  | 'address-not-allowed'
  | 'duplicate'
  | 'maintenance';

export interface Excluded {
  /** `address:port`; just the address where no port matched. */
  readonly endpoint: string;
  /** The list it is missing from: both, or only the one named. */
  readonly list: 'both' | 'cluster' | 'local';
  readonly why: ExclusionReason;
}

export interface ServiceRows {
  readonly id: ServiceId;
  /** `namespace/name` of the Service, or of the Pod for host ports. */
  readonly owner: ObjectName;
  /** `namespace/name:portName` (no colon where the port has no name), as `trace` prints it. */
  readonly displayName: string;
  readonly protocol: Protocol;
  readonly family: Family;
  readonly frontends: readonly FrontendRow[];
  /** After hints and fallbacks; sorted by address, then port; no duplicates. The slot number is the index. */
  readonly cluster: readonly BackendRow[];
  /** Endpoints on this node, after the terminating fallback; same order. */
  readonly local: readonly BackendRow[];
  readonly excluded: readonly Excluded[];
  /** null: no affinity. */
  readonly affinitySeconds: number | null;
  readonly balancing: Balancing;
  /** null: every source is allowed. Prefixes are disjoint and of this family; allow with none denies all. */
  readonly sourceRanges: { readonly policy: 'allow' | 'deny'; readonly prefixes: readonly Prefix[] } | null;
}

/** An address that belongs to a Service whatever the port: undefined ports are refused, ping is answered (A18, A68). */
export interface ServiceAddressRow {
  readonly address: Address;
  readonly owner: ObjectName;
  readonly kind: 'clusterIP' | 'loadBalancerIP' | 'externalIP';
  /** At least one endpoint exists behind the address: this node answers echo requests. */
  readonly pingable: boolean;
}

/** Node-wide rows. All prefix lists are merged (disjoint, sorted), both families together. */
export interface NodeRows {
  readonly node: NodeName;
  /** Sources counted as inside: local pods and this node's own addresses. */
  readonly inside: readonly Prefix[];
  /** Addresses of this node at which node ports are served (they must be local as well). */
  readonly nodePortAddresses: readonly Prefix[];
  /** Node-port addresses of other nodes, from their status. */
  readonly otherNodeAddresses: readonly Address[];
  /** Service CIDRs: addresses in them that no Service has are dropped. */
  readonly serviceCidrs: readonly Prefix[];
  /** Pods whose traffic to anything outside `nonMasquerade` leaves with this node's address (A69); empty: off. */
  readonly masqueradeSources: readonly Prefix[];
  readonly nonMasquerade: readonly Prefix[];
  /** This node's main address per family: answers pings to Service addresses. */
  readonly nodeAddresses: readonly Address[];
  /** `--allow-external-cluster-ip`: what the outside meets at an undefined port of a cluster IP. */
  readonly externalClusterIp: 'reject' | 'drop';
  /** `--masquerade-all`. */
  readonly masqueradeAll: boolean;
  /** First and last node port: masquerading never picks a source port in it (A73). */
  readonly nodePortRange: readonly [Port, Port];
}

/** All rows of a node. */
export interface Rows {
  readonly services: ReadonlyMap<ServiceId, ServiceRows>;
  /** By address. */
  readonly addresses: ReadonlyMap<Address, ServiceAddressRow>;
  readonly node: NodeRows;
}

/** A change of rows: each entry is the whole new value, or null where it went. */
export interface RowsChange {
  readonly services: ReadonlyMap<ServiceId, ServiceRows | null>;
  readonly addresses: ReadonlyMap<Address, ServiceAddressRow | null>;
  /** null: unchanged. */
  readonly node: NodeRows | null;
}
