/** What stands for a dataplane where somebody else serves Services: it takes away what an earlier agent put there, and no more. */
import { type Dataplane, NOTHING_DONE } from './dataplane.ts';

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
    status: () => ({
      backend: 'none',
      skeleton: 0,
      sets: [],
      chains: 0,
      repairs: 0,
      readings: 0,
      missing: [],
    }),
    close: async () => undefined,
  };
}
