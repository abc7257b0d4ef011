import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createGuards, type Guards } from '../../../src/dataplane/bpf/policies/guards.ts';
import { filterHooks, type HookPrograms, linkHooks } from '../../../src/dataplane/bpf/policies/hooks.ts';
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

function programsOf(object: BpfObject | undefined): HookPrograms {
  const { from_pod: ingress, to_pod: egress } = object?.programs ?? {};
  if (ingress === undefined || egress === undefined) throw new Error('the object has no programs');
  return { ingress, egress };
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

const guardOnly = (guards: Guards, ...indexes: readonly number[]) =>
  guards.guard(new Map(indexes.map((index) => [index, POD])));

describe('guards by tcx links', () => {
  const open = async (directory: string, object: BpfObject | undefined) =>
    createGuards(await linkHooks(`${pins.path}/${directory}`, programsOf(object), { networkNamespace }));

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
    // Before anything was asked of it.
    expect(await attachedTo(kept)).toEqual(await idsOf(programsOf(objects[1])));
    expect(readdirSync(`${pins.path}/adopted`)).toHaveLength(2);
    expect(await guardOnly(guards, kept)).toEqual([]);
    expect(await attachedTo(kept)).toHaveLength(2);
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
    await guards.inspect();
    await guardOnly(guards, index);
    expect(await attachedTo(index)).toHaveLength(2);
  });

  it('[C35] are pinned again where somebody removed the pins, with no program off meanwhile', async () => {
    const index = await makeInterface('pinless');
    const guards = await open('pinless', objects[0]);
    await guardOnly(guards, index);
    const before = await attachedTo(index);
    rmSync(`${pins.path}/pinless`, { recursive: true });
    await guards.inspect();
    await guardOnly(guards, index);
    expect(readdirSync(`${pins.path}/pinless`).sort()).toEqual([`${index}-egress`, `${index}-ingress`]);
    expect(await attachedTo(index)).toEqual(before);
  });
});

describe('guards by clsact filters', () => {
  const filters = (name: string) =>
    HOOKS.map((hook) => String(execFileSync('tc', ['-n', NAMESPACE, 'filter', 'show', 'dev', name, hook])));

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
