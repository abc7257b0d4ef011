/**
 * Services, endpoints and host ports → rows. Pure: the same objects and options give the same rows, in whatever order
 * the objects came. An event costs the Services it touches, not the cluster.
 */
import type { Address } from '../../model/address.ts';
import type { CompileOptions } from '../../model/compile-options.ts';
import type { NodeName, ObjectName } from '../../model/names.ts';
import type { Labels, Problem } from '../../model/objects.ts';
import type { Rows, RowsChange, ServiceAddressRow, ServiceId, ServiceRows } from '../../model/rows.ts';
import type { ClusterView, Touched } from '../../model/view.ts';
import { type ChangedAddresses, type ClusterTracking, createClusterTracking } from './cluster-tracking.ts';
import { type DraftContext, draftService } from './draft.ts';
import type { HealthCheck } from './health-checks.ts';
import { createHostPortClaims, type HostPortClaims } from './host-port-claims.ts';
import { hostPortsOf } from './host-ports.ts';
import { nodeRowsOf } from './node-rows.ts';
import { createProblemBook, type ProblemBook, problemOf } from './problems.ts';
import { createRowStore, type RowStore } from './row-store.ts';
import { isServed } from './served.ts';
import { createServiceClaims, type ServiceClaims } from './service-claims.ts';
import { createTableClaims, type TableClaims } from './table-claims.ts';

/** What one update led to. */
export interface CompileUpdate {
  readonly change: RowsChange;
  /** All current ones, not just new ones; sorted. */
  readonly problems: readonly Problem[];
  /** All current ones, by Service name. */
  readonly healthChecks: readonly HealthCheck[];
}

/** Rows of one node, kept current. */
export interface ServiceCompiler {
  /**
   * Looks again at what was touched and returns how the rows change. The first call, and the one after a call that threw,
   * look at everything.
   */
  update(view: ClusterView, touched: Touched | 'everything'): CompileUpdate;
  /** A copy of the rows as of the last update. */
  rows(): Rows;
  /** What is compiled of one address. */
  addressRow(address: Address): ServiceAddressRow | undefined;
}

/** Compiles for one node; see `CompileOptions`. */
export function createServiceCompiler(options: CompileOptions): ServiceCompiler {
  const store = createRowStore(
    nodeRowsOf({ nodes: new Map(), serviceCidrs: new Map() }, { local: [], cluster: [] }, options, []),
  );
  let state: CompilerState | null = null;
  return {
    update(view, touched) {
      const known = touched === 'everything' ? null : state;
      const current = known ?? createState(options, store);
      // Half-updated indexes of a call that throws are of no use to the next one.
      state = null;
      store.begin(known === null);
      compileTouched(
        current,
        view,
        known === null || touched === 'everything' ? everythingIn(view) : touched,
      );
      state = current;
      return {
        change: store.commit(),
        problems: current.problems.list(),
        healthChecks: current.services.healthChecks(),
      };
    },
    rows: () => store.rows(),
    addressRow: store.addressRow,
  };
}

/** Compiles everything from scratch. */
export function compileAll(
  view: ClusterView,
  options: CompileOptions,
): {
  readonly rows: Rows;
  readonly problems: readonly Problem[];
  readonly healthChecks: readonly HealthCheck[];
} {
  const compiler = createServiceCompiler(options);
  const { problems, healthChecks } = compiler.update(view, 'everything');
  return { rows: compiler.rows(), problems, healthChecks };
}

interface CompilerState {
  readonly options: CompileOptions;
  readonly store: RowStore;
  readonly tracking: ClusterTracking;
  readonly services: ServiceClaims;
  readonly tables: TableClaims;
  readonly hostPorts: HostPortClaims;
  readonly problems: ProblemBook;
  /** Ids of the rows that a Service or a host port has now. */
  readonly idsOf: Map<string, readonly ServiceId[]>;
  started: boolean;
}

function createState(options: CompileOptions, store: RowStore): CompilerState {
  const tracking = createClusterTracking(options);
  return {
    options,
    store,
    tracking,
    services: createServiceClaims(),
    tables: createTableClaims(),
    hostPorts: createHostPortClaims(tracking.book),
    problems: createProblemBook(),
    idsOf: new Map(),
    started: false,
  };
}

// Names to look at; a list is enough, and cheaper than the sets of a batch where it holds every pod.
interface Work {
  readonly services: Iterable<ObjectName>;
  readonly pods: Iterable<ObjectName>;
  readonly nodes: Iterable<NodeName>;
  readonly serviceCidrs: ReadonlySet<string>;
}

function everythingIn({ services, pods, nodes, serviceCidrs }: ClusterView): Work {
  return {
    services: [...services.keys()],
    pods: [...pods.keys()],
    nodes: [...nodes.keys()],
    serviceCidrs: new Set(serviceCidrs.keys()),
  };
}

function compileTouched(state: CompilerState, view: ClusterView, touched: Work): void {
  const { tracking, services } = state;
  const changed: ChangedAddresses = {
    held: new Set(),
    clusterIps: new Set(),
    here: new Set(),
    weighted: new Set(),
  };
  const nodes = tracking.nodes(view, touched.nodes, changed);
  tracking.pods(view, touched.pods, changed);
  tracking.services(view, touched.services, changed);
  const networks = nodes.rows || touched.serviceCidrs.size > 0;
  if (tracking.takeChanged() || networks || !state.started) compileNode(state, view);
  state.started = true;

  const dirty = new Set(nodes.labels ? [...touched.services, ...view.services.keys()] : touched.services);
  for (const address of [...changed.clusterIps, ...changed.here, ...changed.weighted])
    addAll(dirty, services.withEndpoint(address));
  const moved = [...changed.held, ...changed.clusterIps];
  for (const address of moved) addAll(dirty, services.withExternal(address));

  const settle = new Set<ObjectName>();
  compileHostPorts(state, view, touched.pods, moved, settle);
  redraft(state, view, dirty, settle);
  addAll(settle, state.tables.takeChanged());
  for (const name of settle) settleService(state, name);
}

function compileNode({ store, tracking, options, problems }: CompilerState, view: ClusterView): void {
  store.setNode(nodeRowsOf(view, tracking.strays(), options, tracking.foreignClusterIps()));
  problems.set('node', view.nodes.has(options.node) ? [] : [nodeMissing(options.node)]);
}

function compileHostPorts(
  state: CompilerState,
  view: ClusterView,
  pods: Iterable<ObjectName>,
  moved: readonly string[],
  settle: Set<ObjectName>,
): void {
  const { hostPorts, services, options, problems } = state;
  const keys = new Set<string>();
  for (const name of pods)
    addAll(keys, hostPorts.replace(name, hostPortsOf(view.pods.get(name), options.node)));
  for (const address of moved) addAll(keys, hostPorts.withHostIp(address));
  for (const key of keys) {
    const outcome = hostPorts.settle(key);
    replaceRows(state, `host port ${key}`, outcome.rows);
    problems.set(`host port ${key}`, outcome.problems);
    addAll(settle, services.claimants(key));
  }
}

function redraft(
  { tracking, services, tables, options, store }: CompilerState,
  view: ClusterView,
  dirty: Iterable<ObjectName>,
  settle: Set<ObjectName>,
): void {
  const context = draftContext(view, options, tracking);
  const addresses = new Set<Address>();
  for (const name of dirty) {
    const service = view.services.get(name);
    const draft = isServed(service, options.serviceProxyName)
      ? draftService(service, view.slicesOf(name), context)
      : null;
    addAll(addresses, services.replace(name, draft, settle));
    tables.replace(name, draft);
  }
  for (const address of addresses) store.setAddress(address, services.addressRow(address));
}

function draftContext(view: ClusterView, options: CompileOptions, tracking: ClusterTracking): DraftContext {
  const nodeLabels: Labels = view.nodes.get(options.node)?.labels ?? {};
  const zone = nodeLabels['topology.kubernetes.io/zone'] ?? '';
  return {
    options,
    nodeLabels,
    book: tracking.book,
    weightedPods: tracking.weightedPods,
    here: { node: options.node, zone: zone === '' ? null : zone, isHere: tracking.isHere },
  };
}

function settleService(state: CompilerState, name: ObjectName): void {
  const { services, tables, hostPorts } = state;
  const settled = services.settle(name, hostPorts.shadows);
  const { rows, problems } = tables.apply(name, services.draft(name), settled);
  replaceRows(state, `service ${name}`, rows);
  state.problems.set(`service ${name}`, problems);
}

function replaceRows({ store, idsOf }: CompilerState, group: string, rows: readonly ServiceRows[]): void {
  const ids = rows.map(({ id }) => id);
  for (const id of idsOf.get(group) ?? []) if (!ids.includes(id)) store.setService(id, null);
  for (const row of rows) store.setService(row.id, row);
  if (ids.length === 0) idsOf.delete(group);
  else idsOf.set(group, ids);
}

function nodeMissing(node: NodeName): Problem {
  return problemOf(
    { kind: 'Node', namespace: '', name: node },
    {
      severity: 'warning',
      field: '',
      reason: 'NodeNotFound',
      message: 'there is no such Node, so its zone, addresses and podCIDRs are unknown',
      remedy: 'create the Node, or name the right one with --hostname-override',
    },
  );
}

function addAll<Value>(set: Set<Value>, values: Iterable<Value>): void {
  for (const value of values) set.add(value);
}
