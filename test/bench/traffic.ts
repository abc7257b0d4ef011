/** The load generator: compiles traffic.c into a folder of this run, keeps servers, runs clients. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { runInNamespace, spawnInNamespace } from './namespaces.ts';

const Outcome = z.object({
  connections: z.number(),
  errors: z.number(),
  seconds: z.number(),
  rate: z.number(),
  p50us: z.number(),
  p99us: z.number(),
});

/** What a client saw: connections per second, microseconds from connect to the server's close. */
export type TrafficOutcome = z.infer<typeof Outcome>;

export interface Traffic {
  /** Keeps a server listening at `port` in the namespace until `close`. */
  serve(namespace: string, port: number): void;
  /** Connects as fast as it can for `seconds`. Throws when more than one connection in a thousand failed. */
  connect(namespace: string, address: string, port: number, seconds: number): TrafficOutcome;
  close(): void;
}

const MAX_ERROR_SHARE = 0.001;

/** Compiles the generator with `cc` into `folder`. Client and server have a thread on each of two CPUs. */
export function openTraffic(folder: string): Traffic {
  const binary = join(folder, 'traffic');
  execFileSync('cc', ['-O2', '-pthread', '-o', binary, join(import.meta.dirname, 'traffic.c')]);
  const servers: ChildProcess[] = [];
  return {
    serve(namespace, port) {
      const server = spawnInNamespace(namespace, binary, ['server', '--port', String(port)], 'inherit');
      servers.push(server);
      waitForListener(namespace, port);
    },
    connect(namespace, address, port, seconds) {
      const parameters = [
        'client',
        '--address',
        address,
        '--port',
        String(port),
        '--seconds',
        String(seconds),
      ];
      const outcome = Outcome.parse(JSON.parse(runInNamespace(namespace, binary, parameters)));
      if (outcome.errors > MAX_ERROR_SHARE * outcome.connections) {
        throw new Error(
          `${outcome.errors} connections to ${address}:${port} failed, ${outcome.connections} succeeded`,
        );
      }
      return outcome;
    },
    close() {
      for (const server of servers) server.kill('SIGKILL');
    },
  };
}

function waitForListener(namespace: string, port: number): void {
  const check =
    'for i in $(seq 200); do ss -Hltn "sport = :$1" | grep -q . && exit 0; sleep 0.01; done; exit 1';
  runInNamespace(namespace, 'sh', ['-c', check, 'sh', String(port)]);
}
