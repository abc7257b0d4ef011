/** One request to the API server: its answer as a stream of bytes, with a deadline for silence. */
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { retryAfterMs } from './backoff.ts';
import type { AccessDescription, ApiConnection } from './connection.ts';
import { connectionFailure, foreignAnswer } from './connection-failure.ts';
import { ApiFailure, type ApiTarget, answerFailure, errorMessage } from './failure.ts';
import { startDeadline, type Timing } from './timing.ts';

/** Longer than the minute between two bookmarks of a quiet watch. */
export const IDLE_MS = 90_000;
/** Until an answer begins. */
const ANSWER_MS = 30_000;

const unzip = promisify(gunzip);

export interface ApiRequest {
  /** With the query. */
  readonly path: string;
  readonly target: ApiTarget;
  /** GET where absent. */
  readonly method?: 'POST' | 'PATCH';
  /** Sent as JSON of this type. */
  readonly body?: { readonly type: string; readonly content: unknown };
  /** What we can read; `application/json` where absent. */
  readonly accept?: string;
  readonly gzip: boolean;
  readonly signal: AbortSignal;
  readonly timing: Timing;
}

/** What is said of an access that does not describe itself. */
const UNKNOWN_ACCESS: AccessDescription = {
  credentials: 'our credentials',
  authority: 'its certificate authority',
  proxy: null,
};

/** Nothing came for so long that the connection must be taken for dead. */
export class SilenceFailure extends ApiFailure {}

/**
 * Sends the request and yields the body as it comes, whole or not at all: a body that ends early throws.
 * @throws ApiFailure for every answer but success, for silence and for a broken connection
 */
export async function* readStream(
  connection: ApiConnection,
  request: ApiRequest,
  onAnswer: () => void = () => {},
): AsyncGenerator<Buffer, void> {
  const response = await send(connection, request);
  const fell = () => response.destroy(silence(connection.origin, IDLE_MS));
  const deadline = startDeadline(request.timing, IDLE_MS, fell);
  try {
    if (!isSuccess(response)) throw await refusal(connection, request, response);
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

/** A web page with status 200 is none. */
function isSuccess({ statusCode = 0, headers }: IncomingMessage): boolean {
  const type = headers['content-type'];
  return statusCode >= 200 && statusCode < 300 && (type === undefined || type.includes('json'));
}

async function refusal(
  connection: ApiConnection,
  { target, timing }: ApiRequest,
  response: IncomingMessage,
): Promise<ApiFailure> {
  const body = (await collect(response)).toString('utf8');
  const { credentials } = accessOf(connection, timing);
  return (
    foreignAnswer(connection.origin, response, body) ??
    answerFailure(target, {
      status: response.statusCode ?? 0,
      body,
      retryAfterMs: retryAfterMs(response.headers['retry-after'], timing.wallMs()),
      credentials,
    })
  );
}

/** The whole body as text, unzipped where the server zipped it. Throws as readStream does. */
export async function readBody(connection: ApiConnection, request: ApiRequest): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of readStream(connection, request)) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  // The first two bytes of gzip; no JSON begins with them.
  const zipped = body[0] === 0x1f && body[1] === 0x8b;
  if (!zipped) return body.toString('utf8');
  try {
    return (await unzip(body)).toString('utf8');
  } catch (error) {
    const why = `the answer can't be unzipped (${errorMessage(error)}); it is asked for again`;
    throw new ApiFailure(`${request.target.resource}: ${why}`, { status: 200, cause: error });
  }
}

async function send(connection: ApiConnection, request: ApiRequest): Promise<IncomingMessage> {
  const { path, gzip, signal, timing, method = 'GET', body, accept = 'application/json' } = request;
  const { origin } = connection;
  const url = new URL(`${origin}${path}`);
  const options = await connection.requestOptions();
  const headers = {
    Accept: accept,
    'User-Agent': 'weir',
    ...(gzip ? { 'Accept-Encoding': 'gzip' } : {}),
    ...(body === undefined ? {} : { 'Content-Type': body.type }),
  };
  const start = url.protocol === 'http:' ? requestPlain : requestSecure;
  return await new Promise((resolve, reject) => {
    const sent = start(
      url,
      { ...options, method, headers: { ...headers, ...options.headers }, signal },
      (response) => {
        deadline.clear();
        resolve(response);
      },
    );
    const deadline = startDeadline(timing, ANSWER_MS, () => sent.destroy(silence(origin, ANSWER_MS)));
    sent.on('error', (error) => {
      deadline.clear();
      reject(connectionFailure(origin, accessOf(connection, timing), error));
    });
    sent.setSocketKeepAlive(true, 15_000);
    sent.end(body === undefined ? undefined : JSON.stringify(body.content));
  });
}

function accessOf(connection: ApiConnection, timing: Timing): AccessDescription {
  return connection.describe?.(timing.wallMs()) ?? UNKNOWN_ACCESS;
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
