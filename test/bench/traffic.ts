/** The load generator: compiles traffic.c into a folder of this run, keeps servers, runs clients. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { z } from 'zod';
import { runInNamespace, spawnInNamespace } from './namespaces.ts';

const Outcome = z.object({
  done: z.number(),
  errors: z.number(),
  seconds: z.number(),
  rate: z.number(),
  p50us: z.number(),
  p99us: z.number(),
  cpuUs: z.number(),
});

/**
 * What a client saw: how many a second of what its mode does, and microseconds that one of them took; `cpuUs`: of these, on a
 * processor, in the client.
 */
export type TrafficOutcome = z.infer<typeof Outcome>;

/**
 * `connect`: a connection for each byte there and 64 bytes back; `exchange`: the same on one connection; `stream`: chunks of
 * `CHUNK_BYTES` on one connection; `message`: exchanges by datagrams of a socket that is not connected; `name`: questions who
 * is at the other end of one connection.
 */
export type TrafficMode = 'connect' | 'exchange' | 'stream' | 'message' | 'name';

/** Where a client runs: a network namespace, and a cgroup (left out: that of the benchmark). */
export interface ClientPlace {
  readonly namespace: string;
  readonly cgroup?: string;
}

export const CHUNK_BYTES = 128 * 1024;

export interface Traffic {
  /** Keeps a server for clients of these modes listening at `port` in the namespace until `close`. */
  serve(namespace: string, port: number, mode?: TrafficMode): void;
  /** As fast as it can for `seconds`. Throws when more than one in a thousand failed. */
  send(mode: TrafficMode, from: ClientPlace, address: string, port: number, seconds: number): TrafficOutcome;
  /** Whether a server there answers a connection. */
  reaches(from: ClientPlace, address: string, port: number): boolean;
  close(): void;
}

const APART = { client: ['--threads', '1', '--cpu', '0'], server: ['--threads', '1', '--cpu', '1'] };
/**
 * Many connections keep both CPUs busy at both ends. With one, each end has a CPU of its own: else it would depend on luck
 * which of its threads the server takes it with.
 */
const PLACES: Readonly<Record<TrafficMode, { client: readonly string[]; server: readonly string[] }>> = {
  connect: { client: [], server: [] },
  exchange: APART,
  stream: APART,
  message: APART,
  name: APART,
};

const MAX_ERROR_SHARE = 0.001;

/** Compiles the generator with `cc` into `folder`. */
export function openTraffic(folder: string): Traffic {
  const binary = join(folder, 'traffic');
  execFileSync('cc', ['-O2', '-pthread', '-o', binary, join(import.meta.dirname, 'traffic.c')]);
  const servers: ChildProcess[] = [];
  return {
    serve(namespace, port, mode = 'connect') {
      const parameters = ['server', '--port', String(port), ...PLACES[mode].server];
      const server = spawnInNamespace(namespace, binary, parameters, 'inherit');
      servers.push(server);
      waitForListener(namespace, port);
    },
    send(mode, from, address, port, seconds) {
      const outcome = runClient(binary, mode, from, { address, port, seconds });
      if (outcome.errors > MAX_ERROR_SHARE * outcome.done)
        throw new Error(`${mode}: ${outcome.errors} to ${address}:${port} failed, ${outcome.done} succeeded`);
      return outcome;
    },
    reaches: (from, address, port) =>
      runClient(binary, 'connect', from, { address, port, seconds: 0.01 }).done > 0,
    close() {
      for (const server of servers) server.kill('SIGKILL');
    },
  };
}

function runClient(
  binary: string,
  mode: TrafficMode,
  { namespace, cgroup }: ClientPlace,
  { address, port, seconds }: { readonly address: string; readonly port: number; readonly seconds: number },
): TrafficOutcome {
  const where = ['--address', address, '--port', String(port)];
  const how = ['--mode', mode, '--seconds', String(seconds), ...PLACES[mode].client];
  const inside = cgroup === undefined ? [] : ['--cgroup', cgroup];
  return Outcome.parse(
    JSON.parse(runInNamespace(namespace, binary, ['client', ...where, ...how, ...inside])),
  );
}

/** Returns when somebody listens for connections at `port` in the namespace. Throws after two seconds. */
export function waitForListener(namespace: string, port: number): void {
  const check =
    'for i in $(seq 200); do ss -Hltn "sport = :$1" | grep -q . && exit 0; sleep 0.01; done; exit 1';
  runInNamespace(namespace, 'sh', ['-c', check, 'sh', String(port)]);
}
