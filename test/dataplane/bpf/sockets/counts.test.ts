import { rmSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { openServiceTables } from '../../../../src/dataplane/bpf/services/tables.ts';
import { ADDRESS, balanced, openCounts, stateOf } from './balanced.ts';
import type { TestSocket } from './dialler.ts';
import { connected, NOWHERE } from './questions.ts';
import { frontend, SERVER_PORT, SERVERS } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const [A, B, , A6] = SERVERS;

const scene = useSocketScene();
let number = 0;
/** Of the test's Service, which is new. */
let name: string;

beforeEach(() => {
  name = `counted-${number++}`;
});

/** Connections that are open to A by the programs' account. */
async function openToA(): Promise<number> {
  const [open = 0] = await openCounts(scene, name, [A]);
  return open;
}

async function held(count: number, kind: 'tcp4' | 'tcp6' | 'udp4' = 'tcp4'): Promise<readonly TestSocket[]> {
  const all: TestSocket[] = [];
  for (let index = 0; index < count; index++) all.push(await connected(scene.pod, kind, ADDRESS));
  return all;
}

describe('open connections', () => {
  it('[A57] count while they are open, those of IPv6 sockets too, and as begun afterwards', async () => {
    await scene.sync(balanced(name, [A], {}));
    const all = [...(await held(3)), ...(await held(2, 'tcp6'))];
    expect(await openToA()).toBe(5);
    for (const socket of all.slice(0, 4)) await socket.close();
    expect(await openToA()).toBe(1);
    await all[4]?.close();
    expect(await stateOf(scene, name, A)).toMatchObject({ open: 0, connections: 5, failures: 0 });
  });

  it('[A57] count in IPv6 Services', async () => {
    const frontends = [frontend({ address: 'fd96::10', port: 80 })];
    await scene.sync(balanced(name, [A6], {}, [], { frontends }));
    const socket = await connected(scene.pod, 'tcp6', 'fd96::10');
    expect(await openCounts(scene, name, [A6])).toEqual([1]);
    await socket.close();
    expect(await openCounts(scene, name, [A6])).toEqual([0]);
  });

  it('[A57] of datagrams count too, and move when the socket is connected anew', async () => {
    const rows = balanced(name, [A], {}, [], { protocol: 'UDP' });
    const other = balanced(`${name}-other`, [B], {}, [], {
      protocol: 'UDP',
      frontends: [frontend({ address: '10.96.0.11', port: 80 })],
    });
    await scene.sync(rows, other);
    const open = async () => [
      ...(await openCounts(scene, name, [A])),
      ...(await openCounts(scene, `${name}-other`, [B])),
    ];
    const socket = await connected(scene.pod, 'udp4', ADDRESS);
    expect(await open()).toEqual([1, 0]);
    await socket.connect(ADDRESS, 80);
    expect(await open()).toEqual([1, 0]);
    await socket.connect('10.96.0.11', 80);
    expect(await open()).toEqual([0, 1]);
    await socket.connect(A, SERVER_PORT);
    expect(await open()).toEqual([0, 0]);
    await socket.connect(ADDRESS, 80);
    await socket.close();
    expect(await open()).toEqual([0, 0]);
  });

  it('[A57] move with a TCP socket that is connected anew', async () => {
    await scene.sync(balanced(name, [A], {}));
    const socket = await connected(scene.pod, 'tcp4', ADDRESS);
    await socket.disconnect();
    expect(await openToA()).toBe(0);
    expect(await socket.connect(ADDRESS, 80)).toBe('ok');
    expect(await openToA()).toBe(1);
    await socket.close();
    expect(await openToA()).toBe(0);
  });

  it('[A57] are none where the kernel found no way to the backend', async () => {
    await scene.sync(balanced(name, ['10.250.0.1'], {}));
    const socket = await scene.pod.open('tcp4');
    expect(await socket.connect(ADDRESS, 80)).toBe(NOWHERE);
    expect(await openCounts(scene, name, ['10.250.0.1'])).toEqual([0]);
    await socket.close();
    expect(await openCounts(scene, name, ['10.250.0.1'])).toEqual([0]);
  });

  it('[A57] stay as long as a child of the process has them, and end when all are killed', async () => {
    await scene.sync(balanced(name, [A], {}));
    const dialler = scene.start();
    const socket = await connected(dialler, 'tcp4', ADDRESS);
    await connected(dialler, 'tcp4', ADDRESS);
    await dialler.fork();
    await socket.close();
    expect(await openToA()).toBe(2);
    await dialler.kill();
    await expect.poll(openToA).toBe(0);
  });
});

describe('counts', () => {
  it('[A57] [H1] are true after the agent was away: the programs go on', async () => {
    await scene.sync(balanced(name, [A], {}));
    const all = await held(4);
    scene.sockets.close();
    await all[0]?.close();
    const later = await held(2);
    await scene.restart();
    expect(await openToA()).toBe(5);
    for (const socket of [...all.slice(1), ...later]) await socket.close();
    expect(await openToA()).toBe(0);
  });

  it('[A57] [F6] begin with what is open where the programs were away', async () => {
    await scene.sync(balanced(name, [A], {}));
    const all = await held(4);
    rmSync(`${scene.directory}/sockets`, { recursive: true });
    scene.sockets.close();
    for (const socket of all.slice(0, 2)) await socket.close();
    await scene.restart();
    expect(await openToA()).toBe(2);
    for (const socket of all.slice(2)) await socket.close();
    expect(await openToA()).toBe(0);
  });

  it('[A57] [H4] begin with nothing where another build remembered sockets in another way', async () => {
    await scene.sync(balanced(name, [A], {}));
    const early = await held(3);
    rmSync(`${scene.directory}/maps/connected_peers`);
    await scene.restart();
    expect(await openToA()).toBe(0);
    const later = await held(2);
    for (const socket of early) await socket.close();
    expect(await openToA()).toBe(2);
    for (const socket of later) await socket.close();
    expect(await openToA()).toBe(0);
  });

  it('[C24] of a backend that went stay until its last connection ended', async () => {
    await scene.sync(balanced(name, [A, B], { scheduler: 'rr' }));
    const all = await held(2);
    await scene.sync(balanced(name, [B], { scheduler: 'rr' }));
    await scene.services.collect();
    expect(await openCounts(scene, name, [A, B])).toEqual([1, 1]);
    for (const socket of all) await socket.close();
    await scene.services.collect();
    expect(await stateOf(scene, name, A)).toBeUndefined();
    const { backendStates } = openServiceTables(scene.sockets.maps);
    const addresses = (await backendStates.entries()).map(([, { address }]) => address[15]);
    expect(addresses).toEqual([2]);
  });

  // The last: the scene's own tables are not the ones that it begins.
  it('[A57] [H4] begin with what is open in a table that is laid out anew', async () => {
    await scene.sync(balanced(name, [A], {}));
    const all = [...(await held(3))];
    rmSync(`${scene.directory}/maps/backend_states`);
    await scene.restart();
    const { backendStates } = openServiceTables(scene.sockets.maps);
    const open = async () => (await backendStates.entries()).map(([, state]) => state.open);
    expect(await open()).toEqual([3]);
    await scene.sockets.attach();
    await all[0]?.close();
    all.push(...(await held(1)));
    expect(await open()).toEqual([3]);
    for (const socket of all.slice(1)) await socket.close();
    expect(await open()).toEqual([0]);
  });
});
