/**
 * A backend with programs on interfaces, beside which addresses of pods are closed until their interface has programs: a
 * new pod's first packets are faster than any agent.
 */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { SubjectRow } from '../model/policy-rows.ts';
import type { ClosedTable, Closing } from './nft/policies/closed-table.ts';
import type { PolicyBackend, PolicyFigures, PolicyInstallReport } from './policy-backend.ts';
import type { PodInterface } from './policy-change.ts';

interface State {
  /** Pods that policies select. */
  subjects: Map<ObjectName, SubjectRow>;
  joined: Map<ObjectName, PodInterface>;
  /** Interfaces that have programs, with their pods. */
  guarded: ReadonlyMap<ObjectName, PodInterface>;
  /** The table has what is here. */
  isSet: boolean;
}

/** Addresses open when the backend has their pod's rows and the pod's interface has programs. */
export function closingUnguarded(backend: PolicyBackend, table: ClosedTable): PolicyBackend {
  const state: State = { subjects: new Map(), joined: new Map(), guarded: new Map(), isSet: false };
  let repairs = 0;
  const openGuarded = async ({ unguarded }: PolicyInstallReport): Promise<void> => {
    const without = new Set(unguarded.map(({ pod }) => pod));
    // An earlier attempt may have closed them, and there will be no other change.
    if (state.isSet && without.size === 0) return;
    state.guarded = new Map([...state.joined].filter(([pod]) => !without.has(pod)));
    await table.set(closingOf(state));
    state.isSet = without.size === 0;
  };
  return {
    ...backend,
    async sync(rows, interfaces) {
      state.subjects = new Map(rows.subjects);
      state.joined = new Map(interfaces);
      state.isSet = false;
      // Programs of an earlier agent may be on: those pods go on, and what it closed stays closed.
      const report = await backend.sync(rows, interfaces);
      await openGuarded(report);
      return report;
    },
    async apply(change) {
      const { rows, interfaces } = change;
      if ((rows?.subjects.size ?? 0) + (interfaces?.size ?? 0) > 0) {
        update(state.subjects, rows?.subjects);
        update(state.joined, interfaces);
        state.guarded = stillGuarded(state);
        state.isSet = false;
        // Where that fails rows come all the same: the table is told again behind them, and says so.
        await table.close(closingOf(state).closed).catch(() => undefined);
      }
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
      const drops = figures.drops.map((drop): PolicyFigures['drops'][number] =>
        drop.reason === 'closed'
          ? { ...drop, ingress: drop.ingress + closed.ingress, egress: drop.egress + closed.egress }
          : drop,
      );
      return { ...figures, drops, repairs: figures.repairs + repairs };
    },
    async close() {
      await table.end();
      await backend.close();
    },
  };
}

function update<Value>(
  all: Map<ObjectName, Value>,
  changes: ReadonlyMap<ObjectName, Value | null> = new Map(),
): void {
  for (const [pod, value] of changes) {
    if (value === null) all.delete(pod);
    else all.set(pod, value);
  }
}

/** Without those whose pod went, or has another interface now. */
function stillGuarded({ guarded, joined }: State): State['guarded'] {
  return new Map(
    [...guarded].filter(([pod, { interfaceIndex }]) => joined.get(pod)?.interfaceIndex === interfaceIndex),
  );
}

function closingOf({ subjects, guarded }: State): Closing {
  const known = new Set<Address>([...guarded.values()].flatMap(({ addresses }) => addresses));
  const unguarded = [...subjects.values()].filter(({ pod }) => !guarded.has(pod));
  // A pod that is going may still be said to have the address of one that is there.
  return { closed: new Set(unguarded.flatMap(({ addresses }) => addresses)).difference(known), known };
}
