/** Sockets of this build and of another with other maps, one after the other, each killed, while connections are made. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { boundToParent } from '../../../bound-command.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../../bpf-file-system.ts';
import { CHURN_ADDRESSES, type Churn, HOLDING_PORT, prepareChurn } from '../sockets/churn.ts';
import { createSocketScene, type SocketScene } from '../sockets/scene.ts';
import { createOtherBuild, type OtherBuild, THIS_BUILD, withoutSize } from './other-build.ts';
import type { SocketBuildOrders } from './socket-build-process.ts';

let other: OtherBuild;
let scene: SocketScene;
let churn: Churn;
let pins: BpfFileSystem;
beforeAll(async () => {
  other = createOtherBuild([
    withoutSize('socket_peer', 'abi/socket.h'),
    withoutSize('socket_peers', 'abi/socket.h'),
    withoutSize('connected_peer', 'abi/socket.h'),
    { file: 'abi/socket.h', from: 'struct socket_peer {\n', to: 'struct socket_peer {\n  __u32 mood;\n' },
    { file: 'maps/service.h', from: '__uint(max_entries, 262144);', to: '__uint(max_entries, 524288);' },
  ]);
  scene = await createSocketScene();
  churn = await prepareChurn(scene);
  pins = mountBpfFileSystem();
}, 120_000);
afterAll(async () => {
  churn?.end();
  pins?.remove();
  await scene?.remove();
  other?.remove();
});

/** The build begins to serve; resolves when sockets are served by it. */
async function takeOver(build: string): Promise<ChildProcess> {
  const file = fileURLToPath(new URL('socket-build-process.ts', import.meta.url));
  const agent = spawn(...boundToParent('nsenter', [`--net=${scene.nodeNamespace}`, process.execPath, file]), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  agent.send({ build, directory: `${pins.path}/pins`, cgroup: scene.cgroup } satisfies SocketBuildOrders);
  const ended = once(agent, 'exit').then(() => Promise.reject(new Error(`${build} could not take over`)));
  await Promise.race([once(agent, 'message'), ended]);
  ended.catch(() => undefined);
  return agent;
}

async function kill(agent: ChildProcess): Promise<void> {
  agent.kill('SIGKILL');
  await once(agent, 'exit');
}

it('[H1] [H2] [H4] no connection fails while agents with other maps are killed and come', async () => {
  let agent = await takeOver(THIS_BUILD);
  let busy = true;
  const load = (async () => {
    let rounds = 0;
    for (; busy; rounds++) await churn.run(500);
    return rounds;
  })();
  const held = await scene.pod.open('tcp4');
  expect(await held.connect(CHURN_ADDRESSES.IPv4, HOLDING_PORT)).toBe('ok');
  await held.receive();
  for (const build of [THIS_BUILD, other.path, THIS_BUILD]) {
    await kill(agent);
    await churn.run(500);
    agent = await takeOver(build);
    await churn.run(500);
  }
  busy = false;
  expect(await load).toBeGreaterThan(3);
  await kill(agent);
  await churn.run(500);
  await held.send();
  expect(await held.receive()).toMatch(/^10\.9\.0\.1 8080 /);
});
