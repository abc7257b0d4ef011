/** Reads which ports processes of this network namespace listen on, from the tables in /proc. */
import { readFile } from 'node:fs/promises';
import type { Protocol } from '../model/names.ts';

export interface ListeningSocket {
  readonly protocol: Protocol;
  readonly port: number;
  /** User that owns the socket. */
  readonly uid: number;
}

const TABLES = [
  { file: 'tcp', protocol: 'TCP', state: '0A' },
  { file: 'tcp6', protocol: 'TCP', state: '0A' },
  { file: 'udp', protocol: 'UDP', state: '07' },
  { file: 'udp6', protocol: 'UDP', state: '07' },
] as const;

/** Listening TCP and unconnected UDP sockets; a table that is missing (no IPv6) is empty. */
export async function readListeningSockets(
  directory = '/proc/self/net',
): Promise<readonly ListeningSocket[]> {
  const found: ListeningSocket[] = [];
  for (const { file, protocol, state } of TABLES) {
    found.push(...parseSocketTable(await readTable(`${directory}/${file}`), protocol, state));
  }
  return found;
}

/** Rows of one table that are in `state` (hexadecimal, as the kernel prints it). */
export function parseSocketTable(
  text: string,
  protocol: Protocol,
  state: string,
): readonly ListeningSocket[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line): ListeningSocket[] => {
      const [, local = '', , rowState, , , , uid] = line.trim().split(/\s+/);
      const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
      return rowState === state && port > 0 ? [{ protocol, port, uid: Number(uid) }] : [];
    });
}

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
