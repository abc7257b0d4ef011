/**
 * A backend with programs on interfaces, beside which addresses of pods are closed until their interface has programs: a
 * new pod's first packets are faster than any agent.
 */
import type { ObjectName } from '../model/names.ts';
import type { Direction, SubjectRow } from '../model/policy-rows.ts';
import { type AddressStandings, createAddressStandings } from './address-standings.ts';
import type { ClosedTable } from './nft/policies/closed-table.ts';
import type { PolicyBackend, PolicyFigures, PolicyInstallReport } from './policy-backend.ts';
import type { PodInterface, PolicyChange } from './policy-change.ts';

interface State {
  /** Pods that policies select. */
  readonly subjects: Map<ObjectName, SubjectRow>;
  readonly joined: Map<ObjectName, PodInterface>;
  /** Pods whose interface has programs, with it. */
  readonly guarded: Map<ObjectName, PodInterface>;
  readonly standings: AddressStandings;
  /** Pods whose interface is not known to have programs since they changed, or had none the last time. */
  readonly unsettled: Set<ObjectName>;
  /** The table has what it was told. */
  isTold: boolean;
}

/** Addresses open when the backend has their pod's rows and the pod's interface has programs. */
export function closingUnguarded(backend: PolicyBackend, table: ClosedTable): PolicyBackend {
  const state: State = {
    subjects: new Map(),
    joined: new Map(),
    guarded: new Map(),
    standings: createAddressStandings(),
    unsettled: new Set(),
    isTold: false,
  };
  let repairs = 0;
  const openGuarded = async ({ unguarded }: PolicyInstallReport): Promise<void> => {
    settle(state, new Set(unguarded.map(({ pod }) => pod)));
    const changes = state.standings.untold();
    if (state.isTold && changes.size === 0) return;
    state.isTold = false;
    await table.set(changes);
    state.standings.told();
    state.isTold = true;
  };
  return {
    ...backend,
    async sync(rows, interfaces) {
      state.isTold = false;
      for (const pod of [...state.subjects.keys(), ...state.joined.keys()]) state.unsettled.add(pod);
      state.subjects.clear();
      state.joined.clear();
      take(state, { rows, interfaces });
      // Programs of an earlier agent may be on: those pods go on, and what it closed stays closed.
      const report = await backend.sync(rows, interfaces);
      await openGuarded(report);
      return report;
    },
    async apply(change) {
      for (const pod of take(state, change)) loseForeignInterface(state, pod);
      const closed = [...state.standings.untold()].filter(([, standing]) => standing === 'closed');
      // Where that fails rows come all the same: the table is told again behind them, and says so.
      if (closed.length > 0) await table.set(new Map(closed)).catch(() => undefined);
      const report = await backend.apply(change);
      await openGuarded(report);
      return report;
    },
    async repair() {
      const report = await backend.repair();
      if (await table.repair()) repairs += 1;
      await openGuarded(report);
      return report;
    },
    async figures() {
      const [figures, closed] = await Promise.all([backend.figures(), table.drops()]);
      return { ...figures, drops: withClosed(figures.drops, closed), repairs: figures.repairs + repairs };
    },
    async close() {
      await table.end();
      await backend.close();
    },
  };
}

function withClosed(
  drops: PolicyFigures['drops'],
  closed: Readonly<Record<Direction, number>>,
): PolicyFigures['drops'] {
  return drops.map((drop) =>
    drop.reason === 'closed'
      ? { ...drop, ingress: drop.ingress + closed.ingress, egress: drop.egress + closed.egress }
      : drop,
  );
}

/** Returns the pods that the change is about. */
function take(
  { subjects, joined, unsettled }: State,
  { rows, interfaces = new Map() }: PolicyChange,
): ReadonlySet<ObjectName> {
  const selected: ReadonlyMap<ObjectName, SubjectRow | null> = rows?.subjects ?? new Map();
  assign(subjects, selected);
  assign(joined, interfaces);
  const pods = new Set([...selected.keys(), ...interfaces.keys()]);
  for (const pod of pods) unsettled.add(pod);
  return pods;
}

function assign<Value>(all: Map<ObjectName, Value>, changes: ReadonlyMap<ObjectName, Value | null>): void {
  for (const [pod, value] of changes) {
    if (value === null) all.delete(pod);
    else all.set(pod, value);
  }
}

/** Programs on another interface than the pod's are of no use to it. */
function loseForeignInterface(state: State, pod: ObjectName): void {
  const { guarded, joined } = state;
  if (guarded.get(pod)?.interfaceIndex !== joined.get(pod)?.interfaceIndex) guarded.delete(pod);
  claim(state, pod);
}

/** `without`: pods whose interface has no programs. All others have some. */
function settle(state: State, without: ReadonlySet<ObjectName>): void {
  const { guarded, joined, unsettled } = state;
  for (const pod of without) unsettled.add(pod);
  for (const pod of unsettled) {
    const own = joined.get(pod);
    if (own === undefined || without.has(pod)) guarded.delete(pod);
    else guarded.set(pod, own);
    if (!without.has(pod)) unsettled.delete(pod);
    claim(state, pod);
  }
}

function claim({ guarded, subjects, standings }: State, pod: ObjectName): void {
  const [own, selected] = [guarded.get(pod), subjects.get(pod)];
  if (own !== undefined) standings.claim(pod, { standing: 'known', addresses: own.addresses });
  else if (selected !== undefined)
    standings.claim(pod, { standing: 'closed', addresses: selected.addresses });
  else standings.claim(pod, undefined);
}
