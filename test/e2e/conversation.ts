/** One TCP connection or UDP socket from inside a lab's namespace that is asked to talk now and then. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { boundToParent } from '../bound-command.ts';
import type { LabCluster } from './lab-cluster.ts';
import { afterPatience } from './patience.ts';

export interface Conversation {
  /** Says something: `answered`, or `silent` after as long as a probe waits. */
  talk(): Promise<string>;
  end(): void;
}

interface ConversationOptions {
  readonly address: string;
  readonly port: number;
  /** Default: tcp. */
  readonly protocol?: 'tcp' | 'udp';
  /** Where from; default: as the kernel chooses. */
  readonly source?: string;
  /** Bytes of what is said. Default: 6. */
  readonly length?: number;
  /** It belongs to the pod's cgroup, as the pod's own processes do. Default: to the test's. */
  readonly inCgroup?: boolean;
}

const PATIENCE_MS = 450;

/** Runs in the namespace: an answer for each line of stdin. */
function converse(
  order: Required<Omit<ConversationOptions, 'source' | 'inCgroup'>> & { source?: string; patience: number },
  wait: typeof afterPatience,
) {
  const { createConnection } = require('node:net') as typeof import('node:net');
  const { createSocket } = require('node:dgram') as typeof import('node:dgram');
  const text = `${'x'.repeat(order.length - 1)}\n`;
  let heard = () => {};
  let say = () => {};
  if (order.protocol === 'tcp') {
    const { address: host, port, source: localAddress } = order;
    const socket = createConnection({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });
    socket.on('error', () => {});
    socket.on('data', () => heard());
    say = () => void socket.write(text);
  } else {
    const socket = createSocket(order.address.includes(':') ? 'udp6' : 'udp4');
    socket.on('error', () => {});
    socket.on('message', () => heard());
    socket.bind(0, order.source);
    say = () => socket.send(text, order.port, order.address);
  }
  process.stdin.on('data', () => {
    // What comes later answers nothing.
    const tell = (word: string) => {
      heard = () => {};
      end();
      console.log(word);
    };
    const end = wait(order.patience, () => tell('silent'));
    heard = () => tell('answered');
    say();
  });
}

/** Starts talking from `who`; nothing is said yet, but a TCP connection is opened. */
export function startConversation(
  lab: Pick<LabCluster, 'netns' | 'cgroup'>,
  who: string,
  { inCgroup = false, ...options }: ConversationOptions,
): Conversation {
  const order = { protocol: 'tcp', length: 6, patience: PATIENCE_MS, ...options };
  const script = `(${converse.toString()})(${JSON.stringify(order)}, ${afterPatience.toString()})`;
  const move = inCgroup ? `echo $$ > ${lab.cgroup(who)}/cgroup.procs && ` : '';
  const enter = ['nsenter', `--net=${lab.netns(who)}`, process.execPath, '-e', script];
  const child: ChildProcess = spawn(...boundToParent('sh', ['-c', `${move}exec "$@"`, 'sh', ...enter]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('no output of the conversation');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async talk() {
      child.stdin?.write('talk\n');
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the conversation of ${who} has ended`);
      return value;
    },
    end: () => void child.kill('SIGKILL'),
  };
}
