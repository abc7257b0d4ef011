/**
 * Programs on the hooks of interfaces, by tcx links or by filters of clsact. Links are pinned, so that they stay when the
 * agent goes; the next one puts its programs into them, each in one step, and no packet passes unjudged (H2).
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  attachFilter,
  attachTcx,
  describeTcLinks,
  detachFilter,
  filterPrograms,
  openTcLink,
  pin,
  programId,
  type TcLink,
} from '../../../kernel/bpf-program.ts';
import type { Descriptor, TcHook } from '../../../kernel/native-bpf.ts';
import { listInterfaces, type NetworkPlace } from '../../../kernel/network.ts';

export const HOOKS: readonly TcHook[] = ['ingress', 'egress'];

/** By hook of the host side's interface: what a pod sends is received there. */
export type HookPrograms = Readonly<Record<TcHook, Descriptor>>;

/** With the one that does nothing yet. */
export interface LinkPrograms extends HookPrograms {
  readonly standBy: Descriptor;
}

export interface Hooks {
  /** Indexes of interfaces that have programs of an earlier process: these go on until `put` puts the new ones there. */
  readonly adopted: readonly number[];
  /** Does all of what `put` takes time for; nothing is judged there yet. */
  prepare(interfaceIndex: number, hook: TcHook): Promise<void>;
  /** Puts the program there; fine where it is already. Rejects with the kernel's Error. */
  put(interfaceIndex: number, hook: TcHook): Promise<void>;
  /** Fine where it is not, or the interface is gone. */
  takeOff(interfaceIndex: number, hook: TcHook): Promise<void>;
  /** Ids of all programs that are ours: those put there now, and those that an earlier process left. */
  programs(): Promise<ReadonlySet<number>>;
  /** Of these interfaces, those where somebody else took off, replaced or unpinned a program that was put there. */
  disturbed(interfaceIndexes: readonly number[]): Promise<readonly number[]>;
}

/** Of our clsact filters; low numbers come first. */
const FILTER_PRIORITY = 1;

/** Filters stay without anybody's pin. What an earlier process left is replaced when its interface is guarded again. */
export function filterHooks(programs: HookPrograms, place: NetworkPlace): Hooks {
  const priority = FILTER_PRIORITY;
  const placeOf = (interfaceIndex: number, hook: TcHook) =>
    ({ ...place, interfaceIndex, hook, priority }) as const;
  const ours = programIds(programs);
  return {
    adopted: [],
    prepare: async () => undefined,
    put: (index, hook) => attachFilter(programs[hook], placeOf(index, hook)),
    takeOff: (index, hook) => detachFilter(placeOf(index, hook)).catch(() => undefined),
    programs: async () => new Set(Object.values(await ours)),
    async disturbed(indexes) {
      const [standing, ids] = [await filterPrograms(indexes, { ...place, priority }), await ours];
      return indexes.filter((index) => HOOKS.some((hook) => standing.get(index)?.[hook] !== ids[hook]));
    },
  };
}

/** Takes our filters off all interfaces; resolves to whether there were any. Links go with their pins. */
export async function removeFilters(place: NetworkPlace = {}): Promise<boolean> {
  const priority = FILTER_PRIORITY;
  const interfaces = (await listInterfaces(place)).map(({ index }) => index);
  const programs = await filterPrograms(interfaces, { ...place, priority });
  const found = interfaces.flatMap((interfaceIndex) =>
    HOOKS.filter((hook) => programs.get(interfaceIndex)?.[hook]).map((hook) => ({ interfaceIndex, hook })),
  );
  for (const { interfaceIndex, hook } of found)
    await detachFilter({ ...place, interfaceIndex, hook, priority });
  return found.length > 0;
}

/** Opens the links pinned in `directory`. Rejects with the kernel's Error. */
export async function linkHooks(
  directory: string,
  programs: LinkPrograms,
  place: NetworkPlace,
): Promise<Hooks> {
  const ours = await programIds(programs);
  const links = await openLinks(directory, place);
  return {
    adopted: await links.dropDead(),
    async disturbed(indexes) {
      const standing = await links.standing();
      const stands = (index: number, hook: TcHook): boolean => {
        const state = standing.get(nameOf(index, hook));
        return state?.interface === index && state.program === ours[hook];
      };
      return indexes.filter((index) => !HOOKS.every((hook) => stands(index, hook)));
    },
    async prepare(index, hook) {
      if ((await links.live(index, hook)) === undefined) await links.make(index, hook, programs.standBy);
    },
    async put(index, hook) {
      const live = await links.live(index, hook);
      if (live === undefined) await links.make(index, hook, programs[hook]);
      else {
        if (live.program !== ours[hook]) await live.link.update(programs[hook]);
        await restorePin(live.link.descriptor, `${directory}/${nameOf(index, hook)}`);
      }
    },
    takeOff: (index, hook) => links.remove(index, hook),
    async programs() {
      const standing = [...(await links.standing()).values()];
      return new Set([...Object.values(ours), ...standing.flatMap((state) => state?.program ?? [])]);
    },
  };
}

/** The links of a directory, each with its pin. */
async function openLinks(directory: string, place: NetworkPlace) {
  mkdirSync(directory, { recursive: true });
  const names = readdirSync(directory);
  const opened = await Promise.all(names.map((name) => openTcLink(`${directory}/${name}`)));
  const links = new Map(names.map((name, index) => [name, opened[index] as TcLink]));
  const forget = (name: string): void => {
    links.get(name)?.close();
    links.delete(name);
    rmSync(`${directory}/${name}`, { force: true });
  };
  /** The link, where it still holds a program on the interface. */
  const live = async (index: number, hook: TcHook) => {
    const link = links.get(nameOf(index, hook));
    const described = await link?.describe();
    return link !== undefined && described?.interface === index ? { link, ...described } : undefined;
  };
  return {
    live,
    async make(index: number, hook: TcHook, program: Descriptor): Promise<void> {
      const name = nameOf(index, hook);
      forget(name);
      const link = await attachTcx(program, { ...place, interfaceIndex: index, hook });
      links.set(name, link);
      await restorePin(link.descriptor, `${directory}/${name}`);
    },
    async remove(index: number, hook: TcHook): Promise<void> {
      const name = nameOf(index, hook);
      // With the interface its hooks went.
      await links
        .get(name)
        ?.detach()
        .catch(() => undefined);
      forget(name);
    },
    /** Forgets those whose interface is gone; returns the interfaces of the others. */
    async dropDead(): Promise<readonly number[]> {
      const indexes = new Set<number>();
      for (const name of [...links.keys()]) {
        const { index, hook } = placeOfName(name);
        if ((await live(index, hook)) === undefined) forget(name);
        else indexes.add(index);
      }
      return [...indexes];
    },
    /** What each is, of those that are pinned. */
    async standing() {
      const pinned = new Set(await readdir(directory).catch(() => []));
      const here = [...links].filter(([name]) => pinned.has(name));
      const described = await describeTcLinks(here.map(([, link]) => link));
      return new Map(here.map(([name], index) => [name, described[index]]));
    },
  };
}

/** Pins it there unless something is: what somebody else removed must be there again before this process goes. */
export async function restorePin(descriptor: Descriptor, place: string): Promise<void> {
  if (existsSync(place)) return;
  mkdirSync(dirname(place), { recursive: true, mode: 0o700 });
  await pin(descriptor, place);
}

async function programIds(programs: HookPrograms): Promise<Readonly<Record<TcHook, number>>> {
  const [ingress, egress] = await Promise.all([programId(programs.ingress), programId(programs.egress)]);
  return { ingress, egress };
}

function nameOf(index: number, hook: TcHook): string {
  return `${index}-${hook}`;
}

/** Inverse of `nameOf`. */
function placeOfName(name: string): { readonly index: number; readonly hook: TcHook } {
  return { index: Number.parseInt(name, 10), hook: name.endsWith('ingress') ? 'ingress' : 'egress' };
}
