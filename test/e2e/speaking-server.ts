/** A TCP server that speaks first, when it is told to, as servers of mail do; and a client that only listens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { boundToParent } from '../bound-command.ts';
import type { LabCluster } from './lab-cluster.ts';
import { afterPatience } from './patience.ts';

export interface SilentConnection {
  /** The server says something: `heard` by the client, or `silent` after as long as a probe waits. */
  speak(): Promise<'heard' | 'silent'>;
  end(): void;
}

const PATIENCE_MS = 450;

/** Runs at the server: tells its port, and speaks to everybody connected on each line of stdin. */
function serve(length: number) {
  const { createServer } = require('node:net') as typeof import('node:net');
  const clients = new Set<import('node:net').Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.on('error', () => clients.delete(socket));
    console.log('connected');
  });
  server.listen(0, '::', () => console.log((server.address() as import('node:net').AddressInfo).port));
  process.stdin.on('data', () => {
    for (const client of clients) client.write('x'.repeat(length));
  });
}

/** Runs at the client: a line for all that is heard. */
function listen(host: string, port: number) {
  const { createConnection } = require('node:net') as typeof import('node:net');
  const socket = createConnection({ host, port });
  socket.on('error', () => {});
  socket.on('data', () => console.log('heard'));
  process.stdin.resume();
}

/** Resolves when the connection stands; nobody has said anything in it yet. `length`: bytes of what the server says. */
export async function connectSilently(
  lab: Pick<LabCluster, 'netns'>,
  client: string,
  server: { readonly pod: string; readonly address: string; readonly length?: number },
): Promise<SilentConnection> {
  const speaker = start(lab, server.pod, `(${serve.toString()})(${server.length ?? 10})`);
  const { value: port } = await speaker.next();
  const listener = start(lab, client, `(${listen.toString()})(${JSON.stringify(server.address)}, ${port})`);
  await speaker.next();
  return {
    async speak() {
      speaker.child.stdin?.write('speak\n');
      const heard = listener.next().then(() => 'heard' as const);
      const silent = new Promise<'silent'>((resolve) => afterPatience(PATIENCE_MS, () => resolve('silent')));
      return Promise.race([heard, silent]);
    },
    end() {
      for (const { child } of [speaker, listener]) child.kill('SIGKILL');
    },
  };
}

function start(lab: Pick<LabCluster, 'netns'>, who: string, script: string) {
  const child: ChildProcess = spawn(
    ...boundToParent('nsenter', [`--net=${lab.netns(who)}`, process.execPath, '-e', script]),
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  if (child.stdout === null) throw new Error(`${who} says nothing`);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, next: () => lines.next() };
}
