import { mkdirSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CARRIAGE, MAP_NAMES } from '../../../../src/dataplane/bpf/migration/carriage.ts';
import { dropChangedPins } from '../../../../src/dataplane/bpf/migration/changed-pins.ts';
import { SOCKET_OBJECT } from '../../../../src/dataplane/bpf/sockets/backend.ts';
import { LAYOUT } from '../../../../src/generated/socket.ts';
import { loadBpfObject } from '../../../../src/kernel/bpf-object.ts';
import { nativeAddon } from '../../../../src/kernel/native.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../../bpf-file-system.ts';
import { createOtherBuild, type OtherBuild, withoutSize } from './other-build.ts';

let other: OtherBuild;
let pins: BpfFileSystem;
beforeAll(() => {
  other = createOtherBuild([
    withoutSize('socket_count', 'abi/socket.h'),
    { file: 'abi/socket.h', from: 'struct socket_count {\n', to: 'struct socket_count {\n  __u64 began;\n' },
    { file: 'maps/service.h', from: '__uint(max_entries, 262144);', to: '__uint(max_entries, 524288);' },
  ]);
  pins = mountBpfFileSystem();
}, 120_000);
afterAll(() => {
  pins?.remove();
  other?.remove();
});

const pinsIn = (directory: string) =>
  Object.fromEntries(Object.keys(LAYOUT.maps).map((name) => [name, `${directory}/maps/${name}`]));

/** What is pinned once the programs of the other build were there. */
async function leftByOther(directory: string): Promise<readonly string[]> {
  mkdirSync(`${directory}/maps`, { recursive: true });
  const path = `${other.path}/bpf/build/socket.bpf.o`;
  const options = { constants: {}, maxEntries: {}, pins: pinsIn(directory) };
  const { maps, programs } = await nativeAddon().loadBpfObject(path, options);
  for (const each of Object.values({ ...maps, ...programs })) nativeAddon().closeDescriptor(each);
  return readdirSync(`${directory}/maps`);
}

it('[H4] maps of sockets that another build laid out in another way give way, with all tables of Services', async () => {
  const directory = `${pins.path}/alone`;
  const before = await leftByOther(directory);
  await expect(loadBpfObject(SOCKET_OBJECT, LAYOUT, { pins: pinsIn(directory) })).rejects.toThrow();
  await dropChangedPins(directory, LAYOUT);
  const after = new Set(readdirSync(`${directory}/maps`));
  const tables = MAP_NAMES.filter(
    (name) => name in LAYOUT.maps && (CARRIAGE[name].group === 'services' || CARRIAGE[name].kind === 'fresh'),
  );
  expect(before.filter((name) => !after.has(name)).sort()).toEqual([...tables, 'socket_tallies'].sort());
  (await loadBpfObject(SOCKET_OBJECT, LAYOUT, { pins: pinsIn(directory) })).close();
});

it('[H4] tables of Services that the policy programs have pinned are theirs to take over', async () => {
  const directory = `${pins.path}/shared`;
  await leftByOther(directory);
  const map = await nativeAddon().openPinned(`${directory}/maps/services`);
  await nativeAddon().pinDescriptor(map, `${directory}/maps/subjects`);
  nativeAddon().closeDescriptor(map);
  await dropChangedPins(directory, LAYOUT);
  const after = readdirSync(`${directory}/maps`);
  expect(after).toContain('frontends');
  expect(after).not.toContain('socket_tallies');
});
