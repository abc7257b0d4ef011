/** What tests ask sockets for, in short words. */
import { expect } from 'vitest';
import type { Dialler, SocketKind, TestSocket } from './dialler.ts';

/** Nothing has a route there: what is not translated does not get far. */
export const NOWHERE = 'ENETUNREACH';

/** The server that says so in its answer. */
export function serverOf(answer: string): string {
  return answer.split(' ')[0] ?? '';
}

export function senderOf(answer: string): string {
  return answer.split(' from ')[1] ?? '';
}

export async function connected(
  dialler: Dialler,
  kind: SocketKind,
  address: string,
  port = 80,
): Promise<TestSocket> {
  const socket = await dialler.open(kind);
  expect(await socket.connect(address, port)).toBe('ok');
  return socket;
}

/** Who answers connections to the address, in order. */
export async function answering(
  dialler: Dialler,
  count: number,
  address: string,
  port = 80,
): Promise<readonly string[]> {
  const servers: string[] = [];
  for (let index = 0; index < count; index++) {
    const socket = await connected(dialler, address.includes(':') ? 'tcp6' : 'tcp4', address, port);
    servers.push(serverOf(await socket.receive()));
    await socket.close();
  }
  return servers;
}

/** What becomes of a connection. */
export async function connecting(
  dialler: Dialler,
  kind: SocketKind,
  address: string,
  port = 80,
): Promise<string> {
  const socket = await dialler.open(kind);
  const answer = await socket.connect(address, port);
  await socket.close();
  return answer;
}
