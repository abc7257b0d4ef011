/** Keeps the order of ages where a server gives the times: in whole seconds, and its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { JsonObject } from './api-client.ts';
import { NO_AGE, type WantedObject } from './wanted-objects.ts';

export interface BirthPace {
  /** Waits until the object, created now, gets a later time than those that are older. */
  wait(object: WantedObject): Promise<void>;
}

/** `standing`: metadata of what the server has already. */
export function birthPace(standing: readonly JsonObject[]): BirthPace {
  const times = standing.map(({ creationTimestamp }) => Date.parse(String(creationTimestamp)));
  let lastAge = NO_AGE;
  let lastBirthMs = Math.max(0, ...times.filter((time) => !Number.isNaN(time)));
  return {
    async wait({ age }) {
      if (age === NO_AGE) return;
      const nextSecondMs = (Math.floor(lastBirthMs / 1000) + 1) * 1000;
      if (age > lastAge) await sleep(Math.max(0, nextSecondMs - Date.now()));
      [lastAge, lastBirthMs] = [age, Date.now()];
    },
  };
}
