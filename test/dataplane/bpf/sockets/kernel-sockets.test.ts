/**
 * Sockets that the kernel makes for itself (NFS, SMB, Ceph) belong to the cgroup in which they are made, the root's where a kernel
 * thread does it. None of these is built into every kernel; what decides about them is held by other sockets.
 */
import { readFileSync } from 'node:fs';
import { beforeEach, expect, it } from 'vitest';
import { cgroupRoot } from '../../../../src/kernel/cgroup.ts';
import { answering, connected, connecting, NOWHERE, serverOf } from './questions.ts';
import { frontend, SERVER_PORT, SERVERS, serviceOf } from './scene.ts';
import { useSocketScene } from './socket-suite.ts';

const [FIRST] = SERVERS;
const VIP = '10.96.0.10';
/** Where the test is, and processes outside the scene's cgroup are. */
const OUTSIDE = `${cgroupRoot()}${/^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1]}`;

const scene = useSocketScene();

beforeEach(async () => {
  await scene.sync(
    serviceOf('web', [frontend({ address: VIP, port: 80 })], [FIRST]),
    serviceOf('dns', [frontend({ address: VIP, port: 80 })], [FIRST], { protocol: 'UDP' }),
  );
});

it('[E3] a socket that was made outside the cgroup is left alone, whoever connects it or sends by it', async () => {
  const [tcp, udp] = [await scene.stranger.open('tcp4'), await scene.stranger.open('udp4')];
  scene.stranger.moveTo(`${scene.cgroup}/pod`);
  try {
    expect(await tcp.connect(VIP, 80)).toBe(NOWHERE);
    expect(await udp.sendTo(VIP, 80)).toBe(NOWHERE);
    expect(await answering(scene.stranger, 1, VIP)).toEqual([FIRST]);
  } finally {
    scene.stranger.moveTo(OUTSIDE);
  }
  expect(await connecting(scene.stranger, 'tcp4', VIP)).toBe(NOWHERE);
});

it('[E3] one that was made in it is served, wherever it is connected', async () => {
  const socket = await scene.pod.open('tcp4');
  scene.pod.moveTo(OUTSIDE);
  try {
    expect(await socket.connect(VIP, 80)).toBe('ok');
    expect(await socket.peer()).toBe(`${VIP} 80`);
    expect(serverOf(await socket.receive())).toBe(FIRST);
  } finally {
    scene.pod.moveTo(`${scene.cgroup}/pod`);
  }
});

it('[E3] [E1] the kernel’s own socket below one of MPTCP is served in the cgroup; its peer is the backend then', async () => {
  const socket = await connected(scene.pod, 'mptcp4', VIP);
  expect(serverOf(await socket.receive())).toBe(FIRST);
  await socket.send();
  expect(serverOf(await socket.receive())).toBe(FIRST);
  expect(await socket.peer()).toBe(`${FIRST} ${SERVER_PORT}`);
  expect(await connecting(scene.stranger, 'mptcp4', VIP)).toBe(NOWHERE);
});
