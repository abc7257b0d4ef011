/** One GET to the API server: answers as a stream of bytes, with a deadline for silence. */
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { retryAfterMs } from './backoff.ts';
import type { ApiConnection } from './connection.ts';
import { ApiFailure, answerFailure, connectionFailure, errorMessage } from './failure.ts';
import { startDeadline, type Timing } from './timing.ts';

/** Longer than the minute between two bookmarks of a quiet watch. */
export const IDLE_MS = 90_000;
/** Until an answer begins. */
const ANSWER_MS = 30_000;

const unzip = promisify(gunzip);

export interface ApiRequest {
  /** With the query. */
  readonly path: string;
  /** As RBAC names it, for messages. */
  readonly resource: string;
  readonly gzip: boolean;
  readonly signal: AbortSignal;
  readonly timing: Timing;
}

/** Nothing came for so long that the connection must be taken for dead. */
export class SilenceFailure extends ApiFailure {}

/**
 * Sends the request and yields the body as it comes, whole or not at all: a body that ends early throws.
 * @throws ApiFailure for every answer but 200, for silence and for a broken connection
 */
export async function* readStream(
  connection: ApiConnection,
  request: ApiRequest,
  onAnswer: () => void = () => {},
): AsyncGenerator<Buffer, void> {
  const { timing, resource } = request;
  const response = await send(connection, request);
  const fell = () => response.destroy(silence(connection.origin, IDLE_MS));
  const deadline = startDeadline(timing, IDLE_MS, fell);
  try {
    if (response.statusCode !== 200) {
      const body = (await collect(response)).toString('utf8');
      const asked = retryAfterMs(response.headers['retry-after'], timing.wallMs());
      throw answerFailure(resource, response.statusCode ?? 0, body, asked);
    }
    onAnswer();
    for await (const chunk of response) {
      deadline.touch();
      yield chunk as Buffer;
    }
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    const why = `the connection was cut (${errorMessage(error)}); it is opened again`;
    throw new ApiFailure(`${connection.origin}: ${why}`, { cause: error });
  } finally {
    deadline.clear();
    response.destroy();
  }
}

/** The whole body as text, unzipped where the server zipped it. Throws as readStream does. */
export async function readBody(connection: ApiConnection, request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of readStream(connection, request)) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  // The first two bytes of gzip; no JSON begins with them.
  const zipped = body[0] === 0x1f && body[1] === 0x8b;
  return (zipped ? await unzip(body) : body).toString('utf8');
}

async function send(connection: ApiConnection, request: ApiRequest): Promise<IncomingMessage> {
  const { path, gzip, signal, timing } = request;
  const url = new URL(`${connection.origin}${path}`);
  const options = await connection.requestOptions();
  const headers = {
    Accept: 'application/json',
    'User-Agent': 'weir',
    ...(gzip ? { 'Accept-Encoding': 'gzip' } : {}),
  };
  const start = url.protocol === 'http:' ? requestPlain : requestSecure;
  return await new Promise((resolve, reject) => {
    const sent = start(
      url,
      { ...options, headers: { ...headers, ...options.headers }, signal },
      (response) => {
        deadline.clear();
        resolve(response);
      },
    );
    const deadline = startDeadline(timing, ANSWER_MS, () =>
      sent.destroy(silence(connection.origin, ANSWER_MS)),
    );
    sent.on('error', (error) => {
      deadline.clear();
      reject(connectionFailure(connection.origin, error));
    });
    sent.setSocketKeepAlive(true, 15_000);
    sent.end();
  });
}

async function collect(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function silence(origin: string, idleMs: number): SilenceFailure {
  const remedy = 'check the network between this node and the server';
  return new SilenceFailure(`${origin}: nothing heard for ${idleMs / 1000} s; ${remedy}`);
}
