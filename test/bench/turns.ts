/** Short connections by several ways in turns on one processor: compiles turns.c into a folder of this run, keeps servers. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { runInNamespace, spawnInNamespace } from './namespaces.ts';
import type { Destination } from './socket-node.ts';
import { type ClientPlace, waitForListener } from './traffic.ts';

/** Where a client runs, and whom it dials. */
export interface Turn {
  readonly from: ClientPlace;
  readonly to: Destination;
}

export interface Turns {
  /** Keeps a server listening at `port` in the namespace until `close`. */
  serve(namespace: string, port: number): void;
  /**
   * For each round ns per connection of each way, in their order. Leaves the processor to others between rounds. Throws when one
   * connection failed.
   */
  take(turns: readonly Turn[], rounds: number): number[][];
  close(): void;
}

const CONNECTIONS = 30;

const Round = z.array(z.number());

/** Compiles the client and server with `cc` into `folder`. */
export function openTurns(folder: string): Turns {
  const binary = join(folder, 'turns');
  execFileSync('cc', ['-O2', '-o', binary, join(import.meta.dirname, 'turns.c')]);
  const servers: ChildProcess[] = [];
  return {
    serve(namespace, port) {
      servers.push(spawnInNamespace(namespace, binary, ['server', String(port)], 'inherit'));
      waitForListener(namespace, port);
    },
    take(turns, rounds) {
      const ways = turns.map(({ from: { namespace, cgroup = '' }, to: { address, port } }) =>
        [namespace, cgroup, address, port].join(),
      );
      const [first] = turns;
      if (first === undefined) return [];
      const parameters = ['client', String(rounds), String(CONNECTIONS), ...ways];
      const lines = runInNamespace(first.from.namespace, binary, parameters).trim().split('\n');
      return lines.map((line) => Round.parse(JSON.parse(line)));
    },
    close() {
      for (const server of servers) server.kill('SIGKILL');
    },
  };
}
