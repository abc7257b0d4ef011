/** What stands for a dataplane where somebody else serves Services: it takes away what an earlier agent put there, and no more. */
import type { ApplyReport, Dataplane } from './dataplane.ts';

const NOTHING_DONE: ApplyReport = {
  elementsAdded: 0,
  elementsRemoved: 0,
  chainsAdded: 0,
  chainsRemoved: 0,
  bytes: 0,
  durationMs: 0,
  conntrackDeleted: 0,
};

/** `removeOurs`: done before anything else, and again after it rejected. */
export function openNoServices(removeOurs: () => Promise<unknown>): Dataplane {
  const nothing = async () => NOTHING_DONE;
  return {
    async sync() {
      await removeOurs();
      return NOTHING_DONE;
    },
    apply: nothing,
    repair: nothing,
    onForeignChange: () => undefined,
    settled: async () => undefined,
    status: () => ({ backend: 'none', skeleton: 0, sets: [], chains: 0, repairs: 0, readings: 0 }),
    close: async () => undefined,
  };
}
