/** Fills an API server and changes what is in it: a process of its own, so that followers are measured alone. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { answerParent } from '../child-process.ts';
import { type FilledShape, machineMs, type ServerAccess, WriterRequest, type Written } from './messages.ts';
import { type ApiCall, creations, numberedChange } from './objects.ts';

/** More make the server no faster. */
const CONNECTIONS = 16;
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

async function answer(message: WriterRequest): Promise<Written> {
  const { server, shape } = message;
  const send = sender(server);
  if (message.type === 'change') return { repliedAtMs: await change(send, shape, message) };
  const calls = creations(shape);
  const sendNext = async (): Promise<void> => {
    for (let call = calls.pop(); call !== undefined; call = calls.pop()) await send(call);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, sendNext));
  return { repliedAtMs: [] };
}

type Send = (call: ApiCall) => Promise<number>;

/** Sends each at its time, whether the ones before are answered or not. */
async function change(
  send: Send,
  shape: FilledShape,
  { first, count, perSecond }: { readonly first: number; readonly count: number; readonly perSecond: number },
): Promise<number[]> {
  const startMs = machineMs();
  const replies: Promise<number>[] = [];
  for (let sent = 0; sent < count; sent++) {
    const earlyMs = startMs + (sent * 1000) / perSecond - machineMs();
    if (earlyMs > 1) await delay(earlyMs);
    replies.push(send(numberedChange(shape, first + sent)));
  }
  return await Promise.all(replies);
}

/** Resolves with the moment of the reply. Throws what the server says where it refuses. */
function sender({ port, accountFolder }: ServerAccess): Send {
  const token = readFileSync(join(accountFolder, 'token'), 'utf8').trim();
  const ca = readFileSync(join(accountFolder, 'ca.crt'));
  return ({ method, path, body }) =>
    new Promise((resolve, reject) => {
      const type = method === 'POST' ? 'application/json' : 'application/merge-patch+json';
      const headers = { Authorization: `Bearer ${token}`, 'Content-Type': type };
      const sent = request(
        { host: '127.0.0.1', port, path, method, ca, agent, headers },
        async (response) => {
          const repliedAtMs = machineMs();
          const chunks = await response.toArray().catch(reject);
          if ((response.statusCode ?? 0) < 300) resolve(repliedAtMs);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${Buffer.concat(chunks ?? [])}`));
        },
      );
      sent.on('error', reject);
      sent.end(JSON.stringify(body));
    });
}

answerParent(
  (message) => answer(WriterRequest.parse(message)),
  async () => agent.destroy(),
);
