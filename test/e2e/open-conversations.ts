/** Many TCP connections and UDP sockets of one pod, all asked to talk at once; each known by its two ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { boundToParent } from '../bound-command.ts';
import type { LabCluster } from './lab-cluster.ts';
import { afterPatience } from './patience.ts';

export interface Destination {
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'udp';
}

export interface OpenConversations {
  /** All say something; resolves with those that were answered, as `PROTOCOL SOURCE PORT`. */
  talk(): Promise<readonly string[]>;
  end(): void;
}

/** Longer than a packet takes on a busy machine. */
const PATIENCE_MS = 600;

/** Runs in the pod's namespace: a line of JSON for each line of stdin. */
function converse(
  order: { destinations: readonly Destination[]; patience: number },
  wait: typeof afterPatience,
) {
  const { createConnection } = require('node:net') as typeof import('node:net');
  const { createSocket } = require('node:dgram') as typeof import('node:dgram');
  let answered = new Set<string>();
  const says = order.destinations.map(({ address, port, protocol }) => {
    if (protocol === 'tcp') {
      const socket = createConnection({ host: address, port });
      socket.on('error', () => {});
      socket.on('data', () => answered.add(`tcp ${socket.localAddress} ${socket.localPort}`));
      return () => void socket.write('again\n');
    }
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.connect(port, address);
    socket.on('message', () => answered.add(`udp ${socket.address().address} ${socket.address().port}`));
    return () => socket.send('again\n', () => {});
  });
  process.stdin.on('data', () => {
    answered = new Set();
    for (const say of says) say();
    wait(order.patience, () => console.log(JSON.stringify([...answered])));
  });
}

/** Connects from `who`; nothing is said yet. */
export function openConversations(
  lab: Pick<LabCluster, 'netns'>,
  who: string,
  destinations: readonly Destination[],
): OpenConversations {
  const script = `(${converse.toString()})(${JSON.stringify({ destinations, patience: PATIENCE_MS })}, ${afterPatience.toString()})`;
  const child: ChildProcess = spawn(
    ...boundToParent('nsenter', [`--net=${lab.netns(who)}`, process.execPath, '-e', script]),
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  if (child.stdout === null) throw new Error('no output of the conversations');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async talk() {
      child.stdin?.write('talk\n');
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the conversations of ${who} have ended`);
      return JSON.parse(value) as readonly string[];
    },
    end: () => void child.kill('SIGKILL'),
  };
}
