/**
 * A process in a pod's network namespace that talks all the time, and tells its parent how that went when it is asked.
 * The server echoes TCP, counts what nobody may send it, and asks the client by UDP, which then answers for ever.
 */
import { createSocket } from 'node:dgram';
import { connect, createServer } from 'node:net';
import { FORBIDDEN_PORT, QUESTION_PORT, type TalkFigures, TCP_PORT } from './talk.ts';

const EVERY_MS = 10;
const [role = '', ...peers] = process.argv.slice(2);
const echoes: Record<string, number> = {};
const answers: Record<string, number> = {};
const failures: string[] = [];
let forbidden = 0;

if (role === 'server') {
  createServer((socket) => socket.on('error', fail).pipe(socket)).listen(TCP_PORT, '::');
  createSocket('udp6')
    .on('message', () => (forbidden += 1))
    .bind(FORBIDDEN_PORT, '::');
  for (const peer of peers) ask(peer);
} else if (role === 'client') {
  const answering = createSocket('udp6');
  const asked = new Set<string>();
  answering.on('message', (_, { port, address }) => {
    if (asked.has(address)) return;
    asked.add(address);
    setInterval(() => answering.send('!', port, address), EVERY_MS);
  });
  answering.bind(QUESTION_PORT, '::');
  for (const peer of peers) {
    converse(peer);
    trespass(peer);
  }
}
process.on('message', () => process.send?.({ echoes, answers, forbidden, failures } satisfies TalkFigures));
process.on('disconnect', () => process.exit());

function fail(error: Error): void {
  failures.push(error.message);
}

function ask(peer: string): void {
  answers[peer] = 0;
  const socket = createSocket(peer.includes(':') ? 'udp6' : 'udp4');
  // Asked once: the answers pass for as long as the question is remembered. At first nobody may be there to answer.
  const asking = setInterval(() => socket.send('?', QUESTION_PORT, peer, () => undefined), EVERY_MS);
  socket.on('error', fail).on('message', () => {
    clearInterval(asking);
    answers[peer] = (answers[peer] ?? 0) + 1;
  });
}

function trespass(peer: string): void {
  const socket = createSocket(peer.includes(':') ? 'udp6' : 'udp4');
  setInterval(() => socket.send('!', FORBIDDEN_PORT, peer, () => undefined), EVERY_MS);
}

function converse(peer: string): void {
  echoes[peer] = 0;
  const socket = connect(TCP_PORT, peer);
  socket.on('data', (bytes) => (echoes[peer] = (echoes[peer] ?? 0) + bytes.length));
  socket.on('error', fail).on('close', () => failures.push(`the connection to ${peer} ended`));
  setInterval(() => socket.write('.'), EVERY_MS);
}
