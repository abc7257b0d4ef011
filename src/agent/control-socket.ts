/**
 * The agent's own API, HTTP over a unix socket that only root can open: what `weir status`, `weir plan` and the lab ask.
 * The socket is also what keeps a second agent of the same instance away.
 */

import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PodInterface } from '../dataplane/policy-change.ts';
import type { ObjectVersion } from '../model/source.ts';
import { askAgent, ControlError } from './control-client.ts';
import { removeIfEmpty } from './empty-directory.ts';
import { answerJson, closeServer, listen } from './http-server.ts';
import type { RowsJson } from './rows-json.ts';
import type { ServiceStatus } from './service-status.ts';
import type { AgentStatus } from './status.ts';
import { errorLine } from './sync-record.ts';
import type { NamedVerdict, VerdictLog } from './verdict-log.ts';

/** What the socket gives access to. */
export interface ControlledAgent {
  status(): Promise<AgentStatus>;
  rows(): RowsJson;
  /** Of one Service (`namespace/name`), or of all. */
  services(name: string | null): Promise<AsyncIterable<ServiceStatus>>;
  /** Of local pods, as policies are enforced on them; empty where nothing enforces any. */
  podInterfaces(): readonly PodInterface[];
  /** null: what enforces policies tells of none. */
  verdicts(): VerdictLog | null;
  /**
   * Resolves when everything is in the kernel, after another look at the source; with versions, as soon as the source
   * has told these by itself.
   */
  syncNow(versions: readonly ObjectVersion[] | null): Promise<void>;
}

export interface ControlSocket {
  close(): Promise<void>;
}

/**
 * Takes the instance's socket. A socket left by an agent that was killed is replaced.
 * @throws ControlError when an agent of this instance runs already
 */
export async function openControlSocket(path: string, agent: ControlledAgent): Promise<ControlSocket> {
  await refuseSecond(path);
  makeRoom(path);
  const server = createServer((request, response) => void answer(request, response, agent));
  await listenPrivately(server, path);
  return {
    async close() {
      await closeServer(server);
      removeIfEmpty(dirname(path));
      removeIfEmpty(dirname(dirname(path)));
    },
  };
}

function makeRoom(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    rmSync(path, { force: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const message = `no room for the control socket (${reason}); make ${dirname(path)} writable for the agent`;
    throw new ControlError(message, { code: 'failed', cause });
  }
}

async function refuseSecond(path: string): Promise<void> {
  let running: AgentStatus;
  try {
    running = (await askAgent(path, 'GET', '/status')) as AgentStatus;
  } catch (error) {
    if (error instanceof ControlError && error.code === 'not-running') return;
    throw error;
  }
  const who = `instance ${running.instance} (pid ${running.pid})`;
  throw new ControlError(
    `an agent of ${who} runs already; stop it first, or give this one another --instance`,
    {
      code: 'second-agent',
    },
  );
}

async function listenPrivately(server: Server, path: string): Promise<void> {
  // The socket is bound before listen returns, so nothing else is created under this umask.
  const umask = process.umask(0o177);
  const listening = listen(server, { path });
  process.umask(umask);
  await listening;
  chmodSync(path, 0o600);
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  agent: ControlledAgent,
): Promise<void> {
  const what = `${request.method} ${request.url?.split('?')[0]}`;
  try {
    if (what === 'GET /status') answerJson(response, 200, await agent.status());
    else if (what === 'GET /rows') answerJson(response, 200, agent.rows());
    else if (what === 'GET /services') await answerServices(request, response, agent);
    else if (what === 'GET /interfaces') answerJson(response, 200, agent.podInterfaces());
    else if (what === 'GET /flows') answerFlows(request, response, agent.verdicts());
    else if (what === 'POST /sync') {
      const started = performance.now();
      await agent.syncNow(readVersions(await readBody(request)));
      const problems = (await agent.status()).problems.length;
      answerJson(response, 200, { synced: true, durationMs: performance.now() - started, problems });
    } else
      answerJson(response, 404, {
        error: `${what}: ask for GET /status, GET /rows, GET /services, GET /interfaces, GET /flows or POST /sync`,
      });
  } catch (error) {
    answerJson(response, 500, { error: errorLine(error) });
  }
}

/** A JSON line for each Service port; `?name=namespace/name` asks for those of one Service. */
async function answerServices(
  request: IncomingMessage,
  response: ServerResponse,
  agent: Pick<ControlledAgent, 'services'>,
): Promise<void> {
  const { searchParams } = new URL(request.url ?? '', 'http://agent');
  const services = await agent.services(searchParams.get('name'));
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  // A client that goes away while it is answered is no failure.
  await pipeline(Readable.from(linesOf(services)), response).catch(() => undefined);
}

async function* linesOf(services: AsyncIterable<ServiceStatus>): AsyncGenerator<string> {
  for await (const service of services) yield `${JSON.stringify(service)}\n`;
}

/** A JSON line for each verdict; with `?follow` they go on until the client has enough. */
function answerFlows(request: IncomingMessage, response: ServerResponse, verdicts: VerdictLog | null): void {
  if (verdicts === null) {
    answerJson(response, 409, {
      error: 'no backend enforces policies on this node; see weir status',
    });
    return;
  }
  const write = (verdict: NamedVerdict) => void response.write(`${JSON.stringify(verdict)}\n`);
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  response.flushHeaders();
  for (const verdict of verdicts.past()) write(verdict);
  if (!request.url?.endsWith('?follow')) response.end();
  else response.on('close', verdicts.follow(write));
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

/** The socket is root's alone: who writes versions to it is the lab. */
function readVersions(body: string): readonly ObjectVersion[] | null {
  return body === '' ? null : (JSON.parse(body) as readonly ObjectVersion[]);
}
