/**
 * The relay of a lab, a process in this machine's own network namespace: it listens in the namespaces of the nodes, which
 * reach nothing outside the lab, and passes bytes to the API server as they are.
 *
 * Usage: relay-process.ts CONTROL-SOCKET HOST PORT. Each line on the control socket is a JSON list of namespaces; it is
 * answered with a line, `{"error": null | text}`, when exactly these are listened in.
 */
import { fork } from 'node:child_process';
import { statSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../lab-error.ts';
import { NETNS_DIRECTORY } from '../lab-names.ts';
import { RELAY_HOST, RELAY_PORT } from './relay-address.ts';

const LISTENER = fileURLToPath(new URL('./relay-listener.ts', import.meta.url));

const [control = '', host = '', port = ''] = process.argv.slice(2);
/** By name and incarnation of the namespace. */
const listeners = new Map<string, Server>();

createServer((socket) => {
  const orders = createInterface({ input: socket });
  orders.on('error', () => socket.destroy());
  orders.on('line', async (line) => {
    const error = await listenIn(JSON.parse(line) as readonly string[]).then(() => null, messageOf);
    socket.write(`${JSON.stringify({ error })}\n`);
  });
}).listen(control);

async function listenIn(namespaces: readonly string[]): Promise<void> {
  const paths = namespaces.map((name) => `${NETNS_DIRECTORY}/${name}`);
  const wanted = new Map(paths.map((path) => [`${path} ${statSync(path).ino}`, path]));
  for (const [key, listener] of listeners) {
    if (wanted.has(key)) continue;
    listener.close();
    listeners.delete(key);
  }
  const missing = [...wanted].filter(([key]) => !listeners.has(key));
  await Promise.all(
    missing.map(async ([key, path]) => {
      const listener = await listenerIn(path);
      listener.on('connection', pass);
      listeners.set(key, listener);
    }),
  );
}

function listenerIn(path: string): Promise<Server> {
  const child = fork(LISTENER, [RELAY_HOST, String(RELAY_PORT)], {
    execPath: 'nsenter',
    execArgv: [`--net=${path}`, process.execPath],
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`no listener in ${path}: exit code ${code}`)));
    child.on('message', ({ error }: { readonly error: string | null }, server) => {
      if (error === null) resolve(server as Server);
      else reject(new Error(`no listener in ${path}: ${error}`));
    });
  });
}

function pass(near: Socket): void {
  const far = connect({ host, port: Number(port) });
  for (const [from, to] of [
    [near, far],
    [far, near],
  ] as const) {
    from.setNoDelay();
    // Whoever breaks a connection breaks it for the other end too; who ends it is heard out.
    from.on('error', () => to.resetAndDestroy());
    from.on('close', () => to.destroySoon());
    from.pipe(to);
  }
}
