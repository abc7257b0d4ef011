import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuards, type Guards } from '../../../src/dataplane/bpf/policies/guards.ts';
import {
  filterHooks,
  type HookPrograms,
  type LinkPrograms,
  linkHooks,
  removeFilters,
} from '../../../src/dataplane/bpf/policies/hooks.ts';
import { LAYOUT } from '../../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../../src/kernel/bpf-object.ts';
import { nativeAddon } from '../../../src/kernel/native.ts';
import type { TcHook } from '../../../src/kernel/native-bpf.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../bpf-file-system.ts';
import { OBJECT } from '../../packet/policy-node.ts';

const NAMESPACE = `weir-guards-${process.pid}`;
const networkNamespace = `/run/netns/${NAMESPACE}`;
const POD = 'shop/web' as ObjectName;
const HOOKS: readonly TcHook[] = ['ingress', 'egress'];

let pins: BpfFileSystem;
let objects: readonly BpfObject[];

const ip = (...argv: readonly string[]) => execFileSync('ip', ['-n', NAMESPACE, ...argv]);

beforeAll(async () => {
  pins = mountBpfFileSystem();
  execFileSync('ip', ['netns', 'add', NAMESPACE]);
  objects = [await loadBpfObject(OBJECT, LAYOUT), await loadBpfObject(OBJECT, LAYOUT)];
});
afterAll(() => {
  for (const object of objects) object.close();
  execFileSync('ip', ['netns', 'del', NAMESPACE]);
  pins.remove();
});

function programsOf(object: BpfObject | undefined): LinkPrograms {
  const { from_pod: ingress, to_pod: egress, stand_by: standBy } = object?.programs ?? {};
  if (ingress === undefined || egress === undefined || standBy === undefined)
    throw new Error('the object has no programs');
  return { ingress, egress, standBy };
}

async function idsOf(programs: HookPrograms): Promise<readonly number[]> {
  return Promise.all(HOOKS.map(async (hook) => (await nativeAddon().describeProgram(programs[hook])).id));
}

/** Ids of the programs on both hooks, by tcx. */
async function attachedTo(index: number): Promise<readonly number[]> {
  const found = await Promise.all(
    HOOKS.map((hook) => nativeAddon().programsOn(index, hook, networkNamespace)),
  );
  return found.flatMap((programs) => programs.map(({ program }) => program));
}

async function makeInterface(name: string): Promise<number> {
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`);
  const all = await nativeAddon().listInterfaces(networkNamespace);
  return all.find((each) => each.name === name)?.index ?? 0;
}

const filters = (name: string) =>
  HOOKS.map((hook) => String(execFileSync('tc', ['-n', NAMESPACE, 'filter', 'show', 'dev', name, hook])));

const guardOnly = (guards: Guards, ...indexes: readonly number[]) =>
  guards.guard(new Map(indexes.map((index) => [index, POD])));

describe('guards by tcx links', () => {
  const open = async (directory: string, object: BpfObject | undefined) =>
    createGuards(
      await linkHooks(`${pins.path}/${directory}`, programsOf(object), { networkNamespace }),
      filterHooks(programsOf(object), { networkNamespace }),
    );

  it('put both programs on exactly the interfaces that are asked for', async () => {
    const [one, two] = [await makeInterface('one'), await makeInterface('two')];
    const guards = await open('exact', objects[0]);
    const ours = await idsOf(programsOf(objects[0]));
    expect(await guardOnly(guards, one, two)).toEqual([]);
    expect([await attachedTo(one), await attachedTo(two)]).toEqual([ours, ours]);
    await guardOnly(guards, two);
    expect([await attachedTo(one), await attachedTo(two)]).toEqual([[], ours]);
    expect(readdirSync(`${pins.path}/exact`).sort()).toEqual([`${two}-egress`, `${two}-ingress`]);
  });

  it('[H2] of a new process take over the links of the one before, and forget interfaces that went', async () => {
    const [kept, gone] = [await makeInterface('kept'), await makeInterface('gone')];
    await guardOnly(await open('adopted', objects[0]), kept, gone);
    ip('link', 'del', 'gone');
    const guards = await open('adopted', objects[1]);
    expect(readdirSync(`${pins.path}/adopted`)).toHaveLength(2);
    // The rows of the new programs may not be in yet.
    expect(await attachedTo(kept)).toEqual(await idsOf(programsOf(objects[0])));
    expect(await guardOnly(guards, kept)).toEqual([]);
    expect(await attachedTo(kept)).toEqual(await idsOf(programsOf(objects[1])));
  });

  it('[H2] take those of many interfaces that came at once by filters first, and then give each its links', async () => {
    const names = Array.from({ length: 8 }, (_, index) => `crowd${index}`);
    const crowd: number[] = [];
    for (const name of names) crowd.push(await makeInterface(name));
    const guards = await open('crowd', objects[0]);
    const [fromPod, toPod] = await idsOf(programsOf(objects[0]));
    expect(await guardOnly(guards, ...crowd)).toEqual([]);
    // The last of them has no links yet, but is guarded.
    expect(await attachedTo(crowd[7] ?? 0)).toEqual([]);
    expect(filters('crowd7').map((filter) => / id (\d+)/.exec(filter)?.[1])).toEqual([
      `${fromPod}`,
      `${toPod}`,
    ]);
    expect(await guards.inspect()).toBe(false);
    const [leaver = 0, ...rest] = crowd;
    await guardOnly(guards, ...rest);
    // Filters are looked at first: they go when the links judge.
    const isGuarded = async (which: number) =>
      filters(`crowd${which}`)[0] !== '' || (await attachedTo(crowd[which] ?? 0))[0] === fromPod;
    do {
      expect(await isGuarded(7)).toBe(true);
      await sleep(1);
    } while (filters('crowd7').join('') !== '');
    for (const index of rest) await expect.poll(() => attachedTo(index)).toEqual([fromPod, toPod]);
    await expect.poll(() => filters('crowd7').join('')).toBe('');
    expect([await attachedTo(leaver), filters('crowd0').join('')]).toEqual([[], '']);
    await guards.close();
  });

  it('[C35] remove filters that a process before had no time to replace by links', async () => {
    const index = await makeInterface('hasty');
    const before = filterHooks(programsOf(objects[0]), { networkNamespace });
    for (const hook of HOOKS) await before.put(index, hook);
    await guardOnly(await open('hasty', objects[1]), index);
    expect(filters('hasty').join('')).toBe('');
    expect(await attachedTo(index)).toHaveLength(2);
  });

  it('tell which interface was refused, and guard the others', async () => {
    const there = await makeInterface('there');
    const guards = await open('refused', objects[0]);
    const refused = await guardOnly(guards, 9999, there);
    expect(refused).toEqual([{ pod: POD, interfaceIndex: 9999, why: expect.stringContaining('9999') }]);
    expect(await attachedTo(there)).toHaveLength(2);
  });

  it('put a program back that somebody else took off, once they looked', async () => {
    const index = await makeInterface('foreign');
    const guards = await open('foreign', objects[0]);
    await guardOnly(guards, index);
    const link = await nativeAddon().openPinned(`${pins.path}/foreign/${index}-ingress`);
    await nativeAddon().detachLink(link);
    nativeAddon().closeDescriptor(link);
    expect(await attachedTo(index)).toHaveLength(1);
    expect(await guards.inspect()).toBe(true);
    await guardOnly(guards, index);
    expect(await attachedTo(index)).toHaveLength(2);
  });

  it('[C35] are pinned again where somebody removed the pins, with no program off meanwhile', async () => {
    const index = await makeInterface('pinless');
    const guards = await open('pinless', objects[0]);
    await guardOnly(guards, index);
    const before = await attachedTo(index);
    expect(await guards.inspect()).toBe(false);
    rmSync(`${pins.path}/pinless`, { recursive: true });
    expect(await guards.inspect()).toBe(true);
    await guardOnly(guards, index);
    expect(readdirSync(`${pins.path}/pinless`).sort()).toEqual([`${index}-egress`, `${index}-ingress`]);
    expect(await attachedTo(index)).toEqual(before);
  });
});

describe('guards that somebody else tampers with', () => {
  it.each(['tcx', 'clsact'] as const)(
    '[C35] notice another program in the place of theirs, and put theirs back (%s)',
    async (kind) => {
      const index = await makeInterface(`swap-${kind}`);
      const [ours, others] = [programsOf(objects[0]), programsOf(objects[1])];
      const directory = `${pins.path}/swap`;
      const hooks =
        kind === 'tcx'
          ? await linkHooks(directory, ours, { networkNamespace })
          : filterHooks(ours, { networkNamespace });
      const guards = createGuards(hooks);
      await guardOnly(guards, index);
      if (kind === 'tcx') {
        const link = await nativeAddon().openPinned(`${directory}/${index}-egress`);
        await nativeAddon().updateLink(link, others.egress);
        nativeAddon().closeDescriptor(link);
      } else await filterHooks(others, { networkNamespace }).put(index, 'egress');
      expect(await guards.inspect()).toBe(true);
      await guardOnly(guards, index);
      expect(await hooks.disturbed([index])).toEqual([]);
      expect(await guards.inspect()).toBe(false);
      if (kind === 'clsact') await filterHooks(others, { networkNamespace }).takeOff(index, 'ingress');
      expect(await guards.inspect()).toBe(kind === 'clsact');
    },
  );
});

describe('guards by clsact filters', () => {
  it('[A71] leave the filters of others of the same priority alone, cleaning up as well', async () => {
    const index = await makeInterface('shared');
    const guards = createGuards(filterHooks(programsOf(objects[0]), { networkNamespace }));
    ip('link', 'set', 'shared', 'up');
    const tc = (...argv: readonly string[]) => execFileSync('tc', ['-n', NAMESPACE, ...argv]);
    tc('qdisc', 'add', 'dev', 'shared', 'clsact');
    tc(
      'filter',
      'add',
      'dev',
      'shared',
      'ingress',
      'prio',
      '1',
      'handle',
      '1',
      'bpf',
      'da',
      'obj',
      OBJECT,
      'sec',
      'tc',
    );
    await guardOnly(guards, index);
    expect(filters('shared')[0]?.match(/ id \d+/g)).toHaveLength(2);
    expect(await removeFilters({ networkNamespace })).toBe(true);
    expect(filters('shared')[0]?.match(/ id \d+/g)).toHaveLength(1);
    expect(await removeFilters({ networkNamespace })).toBe(false);
  });

  it('[H2] put programs on both hooks, replace those of a process before, and take them off', async () => {
    const index = await makeInterface('old');
    for (const object of objects) {
      const guards = createGuards(filterHooks(programsOf(object), { networkNamespace }));
      expect(await guardOnly(guards, index)).toEqual([]);
      const [ingress = '', egress = ''] = filters('old');
      const [fromPod, toPod] = await idsOf(programsOf(object));
      expect(ingress.match(/ id \d+/g)).toEqual([` id ${fromPod}`]);
      expect(egress.match(/ id \d+/g)).toEqual([` id ${toPod}`]);
      if (object === objects[1]) await guardOnly(guards);
    }
    expect(filters('old')).toEqual(['', '']);
  });
});
