/** One request to the API server: its answer as a stream of bytes, with a deadline for silence. */
import { type IncomingMessage, request as requestPlain } from 'node:http';
import { request as requestSecure } from 'node:https';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { retryAfterMs } from './backoff.ts';
import { type AccessDescription, type ApiConnection, UNKNOWN_ACCESS } from './connection.ts';
import { connectionFailure, foreignAnswer } from './connection-failure.ts';
import { type Encoding, encodingOf } from './decoding.ts';
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

/** Nothing came for so long that the connection must be taken for dead. */
export class SilenceFailure extends ApiFailure {}

/** An answer that is a success. */
export interface Answer {
  readonly encoding: Encoding;
  /** The body as it comes, to its end: one that ends early throws. To be read at once. */
  readonly chunks: AsyncGenerator<Buffer, void>;
}

/**
 * Sends the request; resolves when the answer begins.
 * @throws ApiFailure for every answer but success, for silence and for a broken connection
 */
export async function openStream(connection: ApiConnection, request: ApiRequest): Promise<Answer> {
  const response = await send(connection, request);
  const { statusCode = 0, headers } = response;
  const encoding = encodingOf(headers['content-type']);
  const chunks = readChunks(connection, request, response);
  // A web page with status 200 is no success.
  if (statusCode >= 200 && statusCode < 300 && encoding !== null) return { encoding, chunks };
  const bytes = Buffer.concat(await Array.fromAsync(chunks));
  const body = encoding?.failure(bytes) ?? bytes.toString('utf8');
  const { timing, target } = request;
  throw (
    foreignAnswer(connection.origin, response, body) ??
    answerFailure(target, {
      status: statusCode,
      body,
      retryAfterMs: retryAfterMs(headers['retry-after'], timing.wallMs()),
      credentials: accessOf(connection, timing).credentials,
    })
  );
}

/** The whole body, unzipped where the server zipped it. Throws as openStream and its chunks do. */
export async function readWhole(
  connection: ApiConnection,
  request: ApiRequest,
): Promise<{ readonly encoding: Encoding; readonly body: Buffer }> {
  const { encoding, chunks } = await openStream(connection, request);
  const body = Buffer.concat(await Array.fromAsync(chunks));
  // The first two bytes of gzip; neither JSON nor Kubernetes' own encoding begins with them.
  const zipped = body[0] === 0x1f && body[1] === 0x8b;
  if (!zipped) return { encoding, body };
  try {
    return { encoding, body: await unzip(body) };
  } catch (error) {
    const why = `the answer can't be unzipped (${errorMessage(error)}); it is asked for again`;
    throw new ApiFailure(`${request.target.resource}: ${why}`, { status: 200, cause: error });
  }
}

async function* readChunks(
  { origin }: ApiConnection,
  { timing }: ApiRequest,
  response: IncomingMessage,
): AsyncGenerator<Buffer, void> {
  const deadline = startDeadline(timing, IDLE_MS, () => response.destroy(silence(origin, IDLE_MS)));
  try {
    for await (const chunk of response) {
      deadline.touch();
      yield chunk as Buffer;
    }
  } catch (error) {
    if (error instanceof ApiFailure) throw error;
    const why = `the connection was cut (${errorMessage(error)}); it is opened again`;
    throw new ApiFailure(`${origin}: ${why}`, { cause: error });
  } finally {
    deadline.clear();
    response.destroy();
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
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    // Throws at once where a certificate is none, or a token can't stand in a header.
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
      reject(error);
    });
    sent.setSocketKeepAlive(true, 15_000);
    sent.end(body === undefined ? undefined : JSON.stringify(body.content));
  });
  return await answered.catch((error: unknown) => {
    throw connectionFailure(origin, accessOf(connection, timing), error);
  });
}

function accessOf(connection: ApiConnection, timing: Timing): AccessDescription {
  return connection.describe?.(timing.wallMs()) ?? UNKNOWN_ACCESS;
}

function silence(origin: string, idleMs: number): SilenceFailure {
  const remedy = 'check the network between this node and the server';
  return new SilenceFailure(`${origin}: nothing heard for ${idleMs / 1000} s; ${remedy}`);
}
