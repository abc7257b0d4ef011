/** When processes are looked at. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type {
  MissingReason,
  PodInterfaceState,
} from '../../../src/dataplane/interfaces/pod-interface-state.ts';
import { createPodSearch, type PodSearch } from '../../../src/dataplane/interfaces/pod-search.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';

let states: Map<ObjectName, PodInterfaceState>;
let looks: (readonly string[])[];
let search: PodSearch;

beforeEach(() => {
  vi.useFakeTimers();
  states = new Map();
  looks = [];
  search = createPodSearch(states, async (addresses) => {
    looks.push(addresses);
    for (const [pod, state] of states) {
      if ('missing' in state && state.missing === 'searching')
        states.set(pod, { ...state, missing: 'not-found' });
    }
  });
});
afterEach(() => {
  search.close();
  vi.useRealTimers();
});

function set(pod: string, missing: MissingReason): void {
  states.set(pod as ObjectName, { missing, detail: '', addresses: [pod as Address] });
  search.plan();
}

describe('looking at processes', () => {
  it('is not done for pods that are found, or explained', async () => {
    states.set('shop/found' as ObjectName, {
      interfaceIndex: 7,
      interfaceName: 'veth7',
      how: 'route',
      bridge: null,
      addresses: [],
    });
    set('shop/m', 'macvlan');
    set('shop/s', 'shared-interface');
    await vi.advanceTimersByTimeAsync(600_000);
    expect(looks).toEqual([]);
  });

  it('is done half a second after the first pod is missing, once for all, whatever else happens meanwhile', async () => {
    set('a', 'searching');
    for (let times = 0; times < 4; times += 1) {
      await vi.advanceTimersByTimeAsync(100);
      search.plan();
    }
    set('b', 'searching');
    expect(looks).toEqual([]);
    await vi.advanceTimersByTimeAsync(100);
    expect(looks).toEqual([['a', 'b']]);
  });

  it('is done ever less often for pods that are nowhere, and soon for the next one', async () => {
    set('a', 'searching');
    await vi.advanceTimersByTimeAsync(500 + 1000 + 2000);
    expect(looks.length).toBe(3);
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(looks.length).toBeLessThan(3 + 70);
    const before = looks.length;
    set('b', 'searching');
    await vi.advanceTimersByTimeAsync(500);
    expect(looks.slice(before)).toEqual([['b', 'a']]);
  });

  it('ends when nothing is missing any more, and when it is closed', async () => {
    set('a', 'searching');
    await vi.advanceTimersByTimeAsync(500);
    states.clear();
    await vi.advanceTimersByTimeAsync(1000);
    const before = looks.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(looks.length).toBe(before);
    set('b', 'searching');
    search.close();
    await vi.advanceTimersByTimeAsync(600_000);
    expect(looks.length).toBe(before);
  });
});
