/**
 * Which interfaces have the policy programs, on both hooks. The kernel takes some 15 ms to make a link, one after the other
 * whoever asks: of many interfaces at once each gets filters first, which take no time, and its links bit by bit.
 */
import type { ObjectName } from '../../../model/names.ts';
import type { Unguarded } from '../../policy-backend.ts';
import { HOOKS, type Hooks } from './hooks.ts';

export interface Guards {
  /**
   * Guards exactly these interfaces, and returns those where the kernel refused. One that can't be guarded holds up no
   * other, and is tried again by the next call.
   */
  guard(interfaces: ReadonlyMap<number, ObjectName>): Promise<readonly Unguarded[]>;
  /** Puts the programs where an earlier process had its own. Rejects with the kernel's Error. */
  adopt(): Promise<void>;
  /** Whether somebody else took off, replaced or unpinned a program; the next `guard` puts it back. */
  inspect(): Promise<boolean>;
  /** Ids of our programs, wherever they are. */
  programs(): Promise<ReadonlySet<number>>;
  /** Ends what is still done beside; what guards an interface now goes on. */
  close(): Promise<void>;
}

/** So many new interfaces wait for their links. */
const FEW = 4;

interface State {
  readonly hooks: Hooks;
  /** Stands in for `hooks` where these take long. */
  readonly interim: Hooks | null;
  /** By `hooks` or by `interim`. */
  readonly guarded: Set<number>;
  /** Of an earlier process. Perhaps one hook only has its program. */
  readonly left: Set<number>;
  /** Guarded by `interim` alone. */
  readonly provisional: Set<number>;
  /** What moves an interface from one to the other, or must not see it between. */
  turn: Promise<unknown>;
  /** Gives provisional interfaces their links. */
  settling: Promise<void>;
  closed: boolean;
}

export function createGuards(hooks: Hooks, interim: Hooks | null = null): Guards {
  const state: State = {
    hooks,
    interim,
    guarded: new Set(),
    left: new Set(hooks.adopted),
    provisional: new Set(),
    turn: Promise.resolve(),
    settling: Promise.resolve(),
    closed: false,
  };
  return {
    async guard(interfaces) {
      const wanting = [...interfaces].filter(([index]) => !state.guarded.has(index));
      const fresh = wanting.filter(([index]) => !state.left.has(index));
      const isCrowd = fresh.length > FEW;
      const refused = await Promise.all(
        wanting.map(async ([interfaceIndex, pod]): Promise<readonly Unguarded[]> => {
          try {
            await guardOne(state, interfaceIndex, isCrowd && !state.left.has(interfaceIndex));
            return [];
          } catch (error) {
            return [{ pod, interfaceIndex, why: error instanceof Error ? error.message : String(error) }];
          }
        }),
      );
      const gone = [...state.guarded, ...state.left].filter((index) => !interfaces.has(index));
      await inTurn(state, () => Promise.all(gone.map((index) => release(state, index))));
      if (state.provisional.size > 0) state.settling = state.settling.then(() => settle(state));
      return refused.flat();
    },
    async adopt() {
      await Promise.all([...state.left].map((index) => putBoth(hooks, index)));
    },
    inspect: () => inTurn(state, () => inspect(state)),
    programs: () => hooks.programs(),
    async close() {
      state.closed = true;
      await state.settling;
    },
  };
}

async function guardOne(state: State, index: number, provisionally: boolean): Promise<void> {
  const { hooks, interim, guarded, left, provisional } = state;
  if (provisionally && interim !== null) {
    await putBoth(interim, index);
    provisional.add(index);
  } else {
    await putBoth(hooks, index);
    // Perhaps an earlier process had no time to.
    if (interim !== null) await takeOffBoth(interim, index);
  }
  guarded.add(index);
  left.delete(index);
}

async function release({ hooks, interim, guarded, left, provisional }: State, index: number): Promise<void> {
  await takeOffBoth(hooks, index);
  if (interim !== null) await takeOffBoth(interim, index);
  guarded.delete(index);
  left.delete(index);
  provisional.delete(index);
}

async function inspect({ hooks, interim, guarded, provisional }: State): Promise<boolean> {
  const disturbed = [
    ...(await hooks.disturbed([...guarded].filter((index) => !provisional.has(index)))),
    ...((await interim?.disturbed([...provisional])) ?? []),
  ];
  for (const index of disturbed) {
    guarded.delete(index);
    provisional.delete(index);
  }
  return disturbed.length > 0;
}

/** For a moment, as short as can be, an interface has both, and both judge. */
async function settle(state: State): Promise<void> {
  const { hooks, interim, provisional } = state;
  if (interim === null) return;
  for (const index of [...provisional]) {
    if (state.closed) return;
    await inTurn(state, async () => {
      if (!provisional.has(index)) return;
      await Promise.all(HOOKS.map((hook) => hooks.prepare(index, hook)));
      for (const hook of HOOKS) {
        await hooks.put(index, hook);
        await interim.takeOff(index, hook);
      }
      provisional.delete(index);
      // It stays guarded as it is.
    }).catch(() => undefined);
  }
}

function inTurn<Result>(state: State, work: () => Promise<Result>): Promise<Result> {
  const result = state.turn.then(work);
  state.turn = result.catch(() => undefined);
  return result;
}

async function putBoth(hooks: Hooks, index: number): Promise<void> {
  await Promise.all(HOOKS.map((hook) => hooks.put(index, hook)));
}

async function takeOffBoth(hooks: Hooks, index: number): Promise<void> {
  await Promise.all(HOOKS.map((hook) => hooks.takeOff(index, hook)));
}
