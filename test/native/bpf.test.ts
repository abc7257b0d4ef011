import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYOUT, policyEventCodec, TABLES } from '../../src/generated/policy.ts';
import { type BpfObject, loadBpfObject } from '../../src/kernel/bpf-object.ts';
import {
  attachTcx,
  openTcLink,
  runOnContext,
  runOnPacket,
  runOnPackets,
} from '../../src/kernel/bpf-program.ts';
import { openCounterTable, openTable } from '../../src/kernel/bpf-table.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import type { Descriptor } from '../../src/kernel/native-bpf.ts';
import { describeObjectFile } from '../../src/kernel/object-file.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../bpf-file-system.ts';

const OBJECT = fileURLToPath(new URL('../../bpf/build/policy.bpf.o', import.meta.url));
const NAMESPACE = `weir-test-bpf-${process.pid}`;
const SMALL = { maxEntries: { flows: 100, peer_prefixes: 10_000 } };

const native = nativeAddon();
let files: BpfFileSystem;
let object: BpfObject;

beforeAll(async () => {
  files = mountBpfFileSystem();
  object = await loadBpfObject(OBJECT, LAYOUT, SMALL);
});
afterAll(() => {
  object.close();
  files.remove();
});

function map(name: keyof (typeof LAYOUT)['maps'], from: BpfObject = object): Descriptor {
  const found = from.maps[name];
  if (found === undefined) throw new Error(`no map ${name}`);
  return found;
}

function program(name: 'from_pod' | 'to_pod' | 'sweep_flows', from: BpfObject = object): Descriptor {
  const found = from.programs[name];
  if (found === undefined) throw new Error(`no program ${name}`);
  return found;
}

describe('maps', () => {
  it('hold what was written, batch after batch, until it is deleted', async () => {
    const table = openTable(map('subjects'), TABLES.subjects);
    const subject = (policyClass: number) =>
      ({
        ipv4: new Uint8Array(16).fill(7),
        ipv6: new Uint8Array(16),
        policyClass: [policyClass, 0],
        state: ['judged', 'open'],
        passable: 1,
      }) as const;
    const entries = Array.from({ length: 10_000 }, (_, index) => [index + 1, subject(index)] as const);
    await table.set(entries);
    expect((await table.entries()).toSorted(([a], [b]) => a - b)).toEqual(entries);
    await expect(table.get(77)).resolves.toEqual(subject(76));
    await expect(table.get(77_777)).resolves.toBeUndefined();
    await expect(table.delete([1, 2, 99_999])).resolves.toBe(2);
    await expect(table.delete(entries.map(([key]) => key))).resolves.toBe(9998);
    await expect(table.entries()).resolves.toEqual([]);
  });

  it('are tries too, and say when they are full', async () => {
    const table = openTable(map('peer_prefixes'), TABLES.peer_prefixes);
    const address = (index: number) => Uint8Array.from([...Array(14).fill(0), index >> 8, index & 0xff]);
    const entries = Array.from(
      { length: 10_000 },
      (_, index) => [{ prefixLength: 128, address: address(index) }, { peerClass: [index + 1, 0] }] as const,
    );
    await table.set(entries);
    await expect(table.get({ prefixLength: 128, address: address(4567) })).resolves.toEqual({
      peerClass: [4568, 0],
    });
    expect(await table.entries()).toHaveLength(10_000);
    await expect(
      table.set([[{ prefixLength: 128, address: address(10_000) }, { peerClass: [1, 1] }]]),
    ).rejects.toMatchObject({ code: 'ENOSPC', message: expect.stringContaining('peer_prefixes') });
    await table.delete(entries.map(([key]) => key));
  });

  it('count for each processor', async () => {
    const counters = openCounterTable(map('drop_counts'), TABLES.drop_counts);
    const sum = async () => {
      const [, values = []] = (await counters.entries()).find(([key]) => key === 7) ?? [];
      return values.reduce((total, { packets }) => total + packets[1], 0);
    };
    const before = await sum();
    // An IPv4 packet that says that it is longer than it is.
    const frame = Uint8Array.from([...Array(12).fill(2), 8, 0, 0x45, 0, 9, 9, ...Array(16).fill(0)]);
    await expect(runOnPacket(program('from_pod'), { frame })).resolves.toMatchObject({ verdict: 'drop' });
    expect(await sum()).toBe(before + 1);
  });

  it('refuse bytes of another size, other values, and closed descriptors', async () => {
    await expect(
      native.updateMap(map('subjects'), new Uint8Array(3), new Uint8Array(44)),
    ).rejects.toMatchObject({
      code: 'EINVAL',
    });
    await expect(
      native.updateMap(map('subjects'), new Uint8Array(4), new Uint8Array(8)),
    ).rejects.toMatchObject({
      code: 'EINVAL',
    });
    const nothing = {} as Descriptor;
    expect(() => native.readMap(nothing)).toThrow('not a descriptor');
    expect(() =>
      native.updateMap(map('subjects'), 'abcd' as unknown as Uint8Array, new Uint8Array(44)),
    ).toThrow('keys must be a Uint8Array');
    const second = await loadBpfObject(OBJECT, LAYOUT, SMALL);
    second.close();
    second.close();
    expect(() => native.readMap(map('subjects', second))).toThrow('closed');
  });
});

describe('objects', () => {
  it('are refused with every difference when they were made from other headers', async () => {
    const other = structuredClone(LAYOUT) as unknown as {
      structs: Record<string, { size: number }>;
      maps: Record<string, { flags: number } | undefined>;
    };
    Object.assign(other.structs.verdict ?? {}, { size: 16 });
    Object.assign(other.maps.flows ?? {}, { flags: 0 });
    delete other.maps.names;
    await expect(loadBpfObject(OBJECT, other as unknown as typeof LAYOUT, SMALL)).rejects.toMatchObject({
      differences: [
        'structs verdict.size: 12 instead of 16',
        'maps flows.flags: 1 instead of 0',
        expect.stringContaining('maps names: '),
      ],
    });
  });

  it('leave out what is not asked for', async () => {
    const all = await native.loadBpfObject(OBJECT, {
      constants: {},
      ...SMALL,
      pins: {},
      skipped: ['to_pod'],
    });
    for (const each of Object.values({ ...all.maps, ...all.programs })) native.closeDescriptor(each);
    expect(Object.keys(all.programs)).not.toContain('to_pod');
    expect(Object.keys(all.programs)).toContain('from_pod');
  });

  it('name the file and the cause when the kernel refuses them', async () => {
    await expect(
      native.loadBpfObject(OBJECT, { constants: { options: new Uint8Array(3) }, maxEntries: {}, pins: {} }),
    ).rejects.toThrow(/set constant options of another size in .*policy\.bpf\.o/);
    await expect(
      native.loadBpfObject(OBJECT, { constants: {}, maxEntries: { subjects: 0 }, pins: {} }),
    ).rejects.toThrow(/policy\.bpf\.o[\s\S]*subjects/);
    await expect(
      native.loadBpfObject('/nowhere.o', { constants: {}, maxEntries: {}, pins: {} }),
    ).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(
      native.loadBpfObject(OBJECT, { constants: {}, maxEntries: {}, pins: {}, skipped: ['nobody'] }),
    ).rejects.toThrow(/find program nobody in .*policy\.bpf\.o/);
  });

  it('share a map that is pinned', async () => {
    const pins = { subjects: `${files.path}/subjects` };
    const first = await loadBpfObject(OBJECT, LAYOUT, { ...SMALL, pins });
    const second = await loadBpfObject(OBJECT, LAYOUT, { ...SMALL, pins });
    const subject = {
      ipv4: new Uint8Array(16),
      ipv6: new Uint8Array(16),
      policyClass: [5, 5],
      state: ['open', 'open'],
      passable: 0,
    } as const;
    await openTable(map('subjects', first), TABLES.subjects).set([[3, subject]]);
    first.close();
    await expect(openTable(map('subjects', second), TABLES.subjects).get(3)).resolves.toEqual(subject);
    second.close();
    const pinned = await native.openPinned(pins.subjects);
    await expect(openTable(pinned, TABLES.subjects).get(3)).resolves.toEqual(subject);
    native.closeDescriptor(pinned);
  });

  it('run their syscall programs on a context', async () => {
    const context = await runOnContext(program('sweep_flows'), new Uint8Array(8).fill(9));
    expect(context).toEqual(new Uint8Array(8));
  });
});

describe('links', () => {
  const path = `/run/netns/${NAMESPACE}`;
  const ip = (...args: readonly string[]) =>
    execFileSync('ip', args, { encoding: 'utf8', env: { PATH: process.env.PATH } });
  let interfaceIndex = 0;

  beforeAll(() => {
    ip('netns', 'add', NAMESPACE);
    ip('-n', NAMESPACE, 'link', 'add', 'pod', 'type', 'veth', 'peer', 'name', 'inside');
    interfaceIndex = Number(/^(\d+):/.exec(ip('-n', NAMESPACE, '-o', 'link', 'show', 'pod'))?.[1]);
  });
  afterAll(() => {
    ip('netns', 'del', NAMESPACE);
  });

  it('[E33] go before foreign programs, are replaced in place, and end with the interface', async () => {
    const place = { interfaceIndex, hook: 'ingress', networkNamespace: path } as const;
    const programs = async () =>
      (await native.programsOn(interfaceIndex, 'ingress', path)).map((attached) => attached.program);
    const id = async (descriptor: Descriptor) => (await native.describeProgram(descriptor)).id;
    const foreign = await attachTcx(program('to_pod'), place);
    const link = await attachTcx(program('from_pod'), place);
    expect(await programs()).toEqual([await id(program('from_pod')), await id(program('to_pod'))]);

    const newer = await loadBpfObject(OBJECT, LAYOUT, SMALL);
    await link.update(program('from_pod', newer));
    expect(await programs()).toEqual([await id(program('from_pod', newer)), await id(program('to_pod'))]);

    await native.pinDescriptor(link.descriptor, `${files.path}/link`);
    link.close();
    const again = await openTcLink(`${files.path}/link`);
    expect(await again.describe()).toMatchObject({
      program: await id(program('from_pod', newer)),
      interface: interfaceIndex,
    });
    await foreign.detach();
    expect(await programs()).toHaveLength(1);
    ip('-n', NAMESPACE, 'link', 'del', 'pod');
    expect(await again.describe()).toMatchObject({ interface: 0 });
    again.close();
    foreign.close();
    newer.close();
    ip('-n', NAMESPACE, 'link', 'add', 'pod', 'type', 'veth', 'peer', 'name', 'inside');
    interfaceIndex = Number(/^(\d+):/.exec(ip('-n', NAMESPACE, '-o', 'link', 'show', 'pod'))?.[1]);
  });

  it('are filters where the kernel has no tcx', async () => {
    await native.attachFilter(program('from_pod'), interfaceIndex, 'ingress', 7, path);
    await native.attachFilter(program('from_pod'), interfaceIndex, 'ingress', 7, path);
    const shown = () =>
      execFileSync('tc', ['-n', NAMESPACE, 'filter', 'show', 'dev', 'pod', 'ingress'], {
        encoding: 'utf8',
        env: { PATH: process.env.PATH },
      });
    expect(shown().match(/handle \S+ from_pod/g)).toHaveLength(1);
    const ids = [(await native.describeProgram(program('from_pod'))).id, 0];
    expect([...(await native.filterPrograms(Uint32Array.of(interfaceIndex, 9999), 7, path))]).toEqual([
      ...ids,
      0,
      0,
    ]);
    await native.detachFilter(interfaceIndex, 'ingress', 7, path);
    expect(shown()).not.toContain('from_pod');
    await expect(native.detachFilter(interfaceIndex, 'ingress', 7, path)).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining(`interface ${interfaceIndex} ingress`),
    });
  });
});

/** UDP without a whole header, from an address of its own: the first drop of a flow is an event. */
function deniedFrame(last: number): Uint8Array {
  const ip = [0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, last, 10, 1, 0, 1];
  return Uint8Array.from([...Array(12).fill(2), 8, 0, ...ip, 0, 0, 0, 0]);
}

/** Bytes of a record. */
const EVENT = policyEventCodec.size;

it('rings give their records to the event loop until they are closed', async () => {
  const taken: number[] = [];
  const reader = native.readRing(map('events'), 2, (records) => void taken.push(records.length));
  const denied = async (first: number) => {
    const frames = [first, first + 1, first + 2].map(deniedFrame);
    expect(await runOnPackets(program('to_pod'), frames, {})).toEqual(['drop', 'drop', 'drop']);
  };
  await denied(1);
  await expect.poll(() => taken.length).toBeGreaterThan(0);
  expect(taken.every((bytes) => [EVENT, 2 * EVENT].includes(bytes))).toBe(true);
  native.closeReader(reader);
  native.closeReader(reader);
  taken.length = 0;
  await denied(11);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(taken).toEqual([]);
});

it('rings are left alone for the pause, and give all that came meanwhile', async () => {
  const denied = async (last: number) => {
    await runOnPackets(program('to_pod'), [deniedFrame(last)], {});
    await new Promise((resolve) => setTimeout(resolve, 20));
  };
  const taken: number[] = [];
  const take = (records: Uint8Array) => void taken.push(records.length);
  const patient = native.readRing(map('events'), 100, take, 3_600_000);
  // What the test before left.
  await expect.poll(() => taken).toHaveLength(1);
  await denied(21);
  await denied(22);
  await denied(23);
  expect(taken).toHaveLength(1);
  native.closeReader(patient);
  const hasty = native.readRing(map('events'), 1, take, 1);
  await expect.poll(() => taken.slice(1)).toEqual([EVENT, EVENT, EVENT]);
  native.closeReader(hasty);
});

it('files that are cut short are named', () => {
  const whole = readFileSync(OBJECT);
  for (const length of [0, 3, 63, 64, 500, 5000])
    expect(() => describeObjectFile('cut.o', whole.subarray(0, length))).toThrow(/^cut\.o: /);
});
