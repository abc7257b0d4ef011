/** Datagrams from inside a lab's namespace, as fast as a timer goes, and how many were answered. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { boundToParent } from '../bound-command.ts';

export interface FloodReport {
  readonly sent: number;
  readonly answered: number;
}

export interface Flood {
  /** Resolves when so many more have been sent. */
  sent(count: number): Promise<void>;
  end(): Promise<FloodReport>;
}

/**
 * Runs in the namespace: sends every millisecond, says when it begins and when as many more as stdin asks for have been
 * sent, and reports when stdin ends. What can't be sent yet is tried again.
 */
function flood(address: string, port: number) {
  const { createSocket } = require('node:dgram') as typeof import('node:dgram');
  const counts = { sent: 0, answered: 0 };
  let awaited = 0;
  const open = () => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.on('message', () => {
      counts.answered += 1;
    });
    return socket;
  };
  // A socket remembers the address it first sent from.
  let socket = open();
  setInterval(() => {
    socket.send('flood\n', port, address, (error) => {
      if (error === null) {
        counts.sent += 1;
        if (counts.sent === awaited) console.log('sent');
        return;
      }
      socket.close();
      socket = open();
    });
  }, 1);
  console.log('begun');
  process.stdin.on('data', (count) => {
    awaited = counts.sent + Number(count);
  });
  process.stdin.on('end', () => console.log(JSON.stringify(counts)));
  process.stdin.on('end', () => setTimeout(() => process.exit(0), 10));
}

/** Resolves when it has begun: at once, and where the namespace does not exist yet, as soon as it does. */
export async function startFlood(netns: string, address: string, port: number): Promise<Flood> {
  while (!existsSync(netns)) await sleep(1);
  const script = `(${flood.toString()})(${JSON.stringify(address)}, ${port})`;
  const child: ChildProcess = spawn(
    ...boundToParent('nsenter', [`--net=${netns}`, process.execPath, '-e', script]),
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  if (child.stdout === null) throw new Error('no output of the flood');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async () => {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the flood ended without a report');
    return value;
  };
  await said();
  return {
    async sent(count) {
      child.stdin?.write(`${count}\n`);
      await said();
    },
    async end() {
      child.stdin?.end();
      return JSON.parse(await said()) as FloodReport;
    },
  };
}
