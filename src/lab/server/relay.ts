/** The way of a lab's agents to the API server: one process, and a kubeconfig that names it as the server. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LabError, messageOf } from '../lab-error.ts';
import { labDirectory } from '../lab-names.ts';
import { hostOf } from './relay-address.ts';

const PROCESS = fileURLToPath(new URL('./relay-process.ts', import.meta.url));
const START_MS = 20_000;
const POLL_MS = 20;

/** The relay's control socket: also what tells its process from others. */
export function relaySocket(lab: string): string {
  return `${labDirectory(lab)}/relay.sock`;
}

/**
 * Lets the server at `origin` be reached in these network namespaces and in no others of the lab, by a relay that is
 * started where none runs.
 *
 * @throws LabError (failed) where a namespace can't be served
 */
export async function relayInto(lab: string, origin: string, namespaces: readonly string[]): Promise<void> {
  const until = performance.now() + START_MS;
  let started = false;
  for (;;) {
    try {
      const { error } = await tellRelay(relaySocket(lab), namespaces);
      if (error === null) return;
      throw new LabError('failed', `the relay to ${origin}: ${error}`);
    } catch (cause) {
      if (cause instanceof LabError) throw cause;
      if (performance.now() > until)
        throw new LabError('failed', `the relay to ${origin} does not answer: ${messageOf(cause)}`, cause);
    }
    if (!started) startRelay(lab, new URL(origin));
    started = true;
    await sleep(POLL_MS);
  }
}

/** Detached, in our own network namespace; its output goes to a file in the lab's directory. */
function startRelay(lab: string, server: URL): void {
  const socket = relaySocket(lab);
  rmSync(socket, { force: true });
  const log = openSync(`${labDirectory(lab)}/logs/relay.log`, 'a');
  const port = server.port || (server.protocol === 'http:' ? '80' : '443');
  const child = spawn(process.execPath, [PROCESS, socket, hostOf(server), port], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
}

function tellRelay(path: string, namespaces: readonly string[]): Promise<{ readonly error: string | null }> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.on('close', () => reject(new Error('it closed the connection')));
    // Also emits what is wrong with the socket.
    const answers = createInterface({ input: socket });
    answers.on('error', reject);
    answers.on('line', (line) => {
      resolve(JSON.parse(line) as { readonly error: string | null });
      socket.destroy();
    });
    socket.write(`${JSON.stringify(namespaces)}\n`);
  });
}
