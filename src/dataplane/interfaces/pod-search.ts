/** When to look for pods whose interfaces are missing: soon for those nobody looked for yet, ever less often for the others. */
import type { Address } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import { isFound, type PodInterfaceState } from './pod-interface-state.ts';

export interface PodSearch {
  /** To be called whenever a pod's state changed. */
  plan(): void;
  close(): void;
}

/** Most interfaces turn up sooner than this after their pod; looking at every process is for the others. */
const FIRST_PAUSE_MS = 500;
const LAST_PAUSE_MS = 60_000;

/** `look` must not reject; afterwards, no pod that it looked for may be in the state `searching`. */
export function createPodSearch(
  states: ReadonlyMap<ObjectName, PodInterfaceState>,
  look: (addresses: readonly Address[]) => Promise<void>,
): PodSearch {
  let pause = FIRST_PAUSE_MS;
  let timer: NodeJS.Timeout | undefined;
  let looking = false;
  let closed = false;

  const run = async () => {
    timer = undefined;
    looking = true;
    await look([...sought(states, 'searching'), ...sought(states, 'not-found')]);
    looking = false;
    pause = Math.min(2 * pause, LAST_PAUSE_MS);
    plan();
  };
  const plan = () => {
    const isUrgent = sought(states, 'searching').length > 0;
    const isWaiting = timer !== undefined && (!isUrgent || pause === FIRST_PAUSE_MS);
    if (closed || looking || isWaiting) return;
    clearTimeout(timer);
    timer = undefined;
    if (isUrgent) pause = FIRST_PAUSE_MS;
    else if (sought(states, 'not-found').length === 0) return;
    timer = setTimeout(() => void run(), pause).unref();
  };
  return {
    plan,
    close() {
      closed = true;
      clearTimeout(timer);
    },
  };
}

function sought(
  states: ReadonlyMap<ObjectName, PodInterfaceState>,
  missing: 'searching' | 'not-found',
): readonly Address[] {
  return [...states.values()].flatMap((state) =>
    !isFound(state) && state.missing === missing ? state.addresses : [],
  );
}
