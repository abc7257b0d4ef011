/** What `GET /status` answers and `weir status` shows: the whole truth about an agent, as plain JSON. */
import type { AddressPool } from '../cluster/address-pool.ts';
import type { SocketStatus } from '../dataplane/bpf/sockets/socket-backend.ts';
import type { BackendChoice, Features } from '../dataplane/capabilities.ts';
import type { ApplyReport, DataplaneStatus } from '../dataplane/dataplane.ts';
import type { CompileOptions } from '../model/compile-options.ts';
import type { Problem } from '../model/objects.ts';
import type { Rows, ServiceRows } from '../model/rows.ts';
import type { SourceState } from '../model/source.ts';
import type { EventCounts } from './event-writer.ts';
import type { PolicyStatus } from './policy-record.ts';
import { inTurns } from './turns.ts';

export interface RowCounts {
  /** Objects of kind Service that have rows here. */
  readonly services: number;
  readonly frontends: number;
  readonly slots: number;
  /** Different addresses and ports behind all slots. */
  readonly backends: number;
  readonly hostPorts: number;
  /** Addresses that belong to Services. */
  readonly addresses: number;
  /** Service ports whose policy Local finds no endpoint on this node. */
  readonly noLocalEndpoints: { readonly internal: number; readonly external: number };
}

export interface SyncStatus {
  /** `waiting`: nothing heard from the source yet, nothing written; `pending`: changes wait or are being applied. */
  readonly state: 'waiting' | 'synced' | 'pending' | 'failing';
  /** ISO 8601; null: never. */
  readonly lastSuccessAt: string | null;
  readonly lastDurationMs: number | null;
  /** What the last successful sync wrote. */
  readonly lastReport: ApplyReport | null;
  /** How long the oldest unapplied change waits; null: none does. */
  readonly pendingForMs: number | null;
  readonly syncs: number;
  readonly failures: number;
  readonly consecutiveFailures: number;
  /** null once a sync succeeded again. */
  readonly lastError: string | null;
}

export interface AgentStatus {
  readonly version: string;
  readonly instance: string;
  readonly node: string;
  readonly pid: number;
  /** Inode of the network namespace whose table it writes. */
  readonly networkNamespace: number;
  readonly startedAt: string;
  /** What this agent compiles with: its flags, as values. */
  readonly options: CompileOptions;
  /** Of a folder's agent: where load balancers get their addresses. */
  readonly loadBalancerPools: readonly AddressPool[];
  /** The same: where its choices are kept; see allocation-text.ts. */
  readonly allocationFile: string;
  /** What /healthz says. */
  readonly healthy: boolean;
  readonly unhealthyBecause: string | null;
  readonly backends: {
    readonly services: BackendChoice<'nft' | 'bpf' | 'none'>;
    readonly policy: BackendChoice;
  };
  readonly features: Features;
  readonly source: SourceState;
  readonly counts: RowCounts;
  readonly dataplane: DataplaneStatus | null;
  /** null: nothing enforces policies. */
  readonly policies: PolicyStatus | null;
  /** null: nft serves the packets of all sockets. */
  readonly sockets: SocketStatus | null;
  /** Backends that are left out of choice since they did not answer; null: nobody looks. */
  readonly ejectedBackends: number | null;
  readonly sync: SyncStatus;
  readonly problems: readonly Problem[];
  /** Problems told as Kubernetes Events; null: they are not. */
  readonly events: EventCounts | null;
  /** Times a third party's change was found and undone. */
  readonly repairs: number;
  readonly conntrackDeleted: number;
}

/** Services whose rows are counted in one turn of the event loop: a few milliseconds where each has ten endpoints. */
const SERVICES_AT_ONCE = 500;

/** Looks at each row once; changes go on meanwhile. */
export async function countRows(rows: Rows): Promise<RowCounts> {
  const owners = new Set<string>();
  const backends = new Set<string>();
  const counts = { frontends: 0, slots: 0, hostPorts: 0, internal: 0, external: 0 };
  const count = (row: ServiceRows): void => {
    const isHostPort = row.id.startsWith('hostport:');
    if (isHostPort) counts.hostPorts += 1;
    else owners.add(row.owner);
    counts.frontends += row.frontends.length;
    counts.slots += row.cluster.length + row.local.length;
    for (const { address, port } of [...row.cluster, ...row.local])
      backends.add(`${row.protocol} ${address} ${port}`);
    if (row.frontends.some((frontend) => frontend.kind === 'clusterIP' && frontend.inside === 'drop'))
      counts.internal += 1;
    if (row.frontends.some((frontend) => frontend.kind !== 'clusterIP' && frontend.outside === 'drop'))
      counts.external += 1;
  };
  for await (const some of inTurns([...rows.services.values()], SERVICES_AT_ONCE)) some.forEach(count);
  return {
    services: owners.size,
    frontends: counts.frontends,
    slots: counts.slots,
    backends: backends.size,
    hostPorts: counts.hostPorts,
    addresses: rows.addresses.size,
    noLocalEndpoints: { internal: counts.internal, external: counts.external },
  };
}
