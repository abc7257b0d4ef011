/**
 * Programs on the hooks of interfaces, by tcx links or by filters of clsact. Links are pinned, so that they stay when the
 * agent goes; the next one puts its programs into them, each in one step, and no packet passes unjudged (H2).
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import {
  attachFilter,
  attachTcx,
  detachFilter,
  openTcLink,
  pin,
  type TcLink,
} from '../../../kernel/bpf-program.ts';
import type { Descriptor, TcHook } from '../../../kernel/native-bpf.ts';
import type { NetworkPlace } from '../../../kernel/network.ts';

/** By hook of the host side's interface: what a pod sends is received there. */
export type HookPrograms = Readonly<Record<TcHook, Descriptor>>;

export interface Hooks {
  /** Indexes of interfaces that an earlier process put programs on, which are these now. */
  readonly adopted: readonly number[];
  /** Puts the program there; fine where it is already. Rejects with the kernel's Error. */
  put(interfaceIndex: number, hook: TcHook): Promise<void>;
  /** Fine where it is not, or the interface is gone. */
  takeOff(interfaceIndex: number, hook: TcHook): Promise<void>;
  /** The program is there, and stays when this process goes. */
  stands(interfaceIndex: number, hook: TcHook): Promise<boolean>;
}

/** Of our clsact filters; low numbers come first. */
const FILTER_PRIORITY = 1;

/** Filters stay without anybody's pin. What an earlier process left is replaced when its interface is guarded again. */
export function filterHooks(programs: HookPrograms, place: NetworkPlace): Hooks {
  const placeOf = (interfaceIndex: number, hook: TcHook) =>
    ({ ...place, interfaceIndex, hook, priority: FILTER_PRIORITY }) as const;
  return {
    adopted: [],
    put: (index, hook) => attachFilter(programs[hook], placeOf(index, hook)),
    takeOff: (index, hook) => detachFilter(placeOf(index, hook)).catch(() => undefined),
    stands: async () => true,
  };
}

/** Adopts the links pinned in `directory`. Rejects with the kernel's Error. */
export async function linkHooks(
  directory: string,
  programs: HookPrograms,
  place: NetworkPlace,
): Promise<Hooks> {
  mkdirSync(directory, { recursive: true });
  const links = new Map<string, TcLink>();
  const nameOf = (index: number, hook: TcHook) => `${index}-${hook}`;
  const forget = (name: string): void => {
    links.get(name)?.close();
    links.delete(name);
    rmSync(`${directory}/${name}`, { force: true });
  };
  const isLive = async (index: number, hook: TcHook): Promise<boolean> =>
    (await links.get(nameOf(index, hook))?.describe())?.interface === index;

  const adopted = new Set<number>();
  for (const name of readdirSync(directory)) {
    const link = await openTcLink(`${directory}/${name}`);
    links.set(name, link);
    const [index, hook] = [
      Number.parseInt(name, 10),
      name.endsWith('ingress') ? 'ingress' : 'egress',
    ] as const;
    if (await isLive(index, hook)) {
      await link.update(programs[hook]);
      adopted.add(index);
    } else forget(name);
  }
  return {
    adopted: [...adopted],
    stands: async (index, hook) =>
      existsSync(`${directory}/${nameOf(index, hook)}`) && (await isLive(index, hook)),
    async put(index, hook) {
      const name = nameOf(index, hook);
      if (!(await isLive(index, hook))) {
        forget(name);
        links.set(name, await attachTcx(programs[hook], { ...place, interfaceIndex: index, hook }));
      }
      const link = links.get(name);
      if (link !== undefined) await restorePin(link.descriptor, `${directory}/${name}`);
    },
    async takeOff(index, hook) {
      // With the interface its hooks went.
      await links
        .get(nameOf(index, hook))
        ?.detach()
        .catch(() => undefined);
      forget(nameOf(index, hook));
    },
  };
}

/** Pins it there unless something is: what somebody else removed must be there again before this process goes. */
export async function restorePin(descriptor: Descriptor, place: string): Promise<void> {
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
  await pin(descriptor, place);
}
