/** Reads and writes objects at an API server: one request after the other, by one connection. */
import { Agent as PlainAgent, request as requestPlain } from 'node:http';
import { type RequestOptions, request as requestSecure, Agent as SecureAgent } from 'node:https';
import { loadAccess } from '../../source/kubernetes/access.ts';
import { UNKNOWN_ACCESS } from '../../source/kubernetes/connection.ts';
import { connectionFailure } from '../../source/kubernetes/connection-failure.ts';
import { LabError } from '../lab-error.ts';

/** The server that a lab writes to. */
export interface LabServer {
  /** Absolute path of a kubeconfig, or several as in KUBECONFIG. */
  readonly kubeconfig: string;
  /** null: its current one. */
  readonly context: string | null;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** What a server answered, whether or not it did what it was asked for. */
export interface ApiAnswer {
  readonly status: number;
  readonly body: JsonObject;
}

export interface ApiClient {
  readonly origin: string;
  /** @throws LabError (failed) where no answer comes */
  send(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: JsonObject,
  ): Promise<ApiAnswer>;
  close(): void;
}

/** Silence after which the server is taken for gone. */
const ANSWER_MS = 30_000;

/**
 * Loads the credentials once: a command takes seconds.
 * @throws ApiFailure where the kubeconfig can't be used
 */
export async function openApiClient({ kubeconfig, context }: LabServer): Promise<ApiClient> {
  const access = await loadAccess({ kubeconfig, context, environment: process.env });
  const { origin } = access;
  // No proxy's: the relay does not take one either.
  const { agent: _, ...options } = await access.requestOptions();
  const described = { ...(access.describe?.(Date.now()) ?? UNKNOWN_ACCESS), proxy: null };
  const isPlain = origin.startsWith('http:');
  const agent = new (isPlain ? PlainAgent : SecureAgent)({ keepAlive: true, maxSockets: 1 });
  return {
    origin,
    async send(method, path, body) {
      try {
        return await sendOnce(new URL(`${origin}${path}`), { ...options, agent, method }, body);
      } catch (cause) {
        throw new LabError('failed', connectionFailure(origin, described, cause).message, cause);
      }
    },
    close: () => agent.destroy(),
  };
}

function sendOnce(url: URL, options: RequestOptions, body: JsonObject | undefined): Promise<ApiAnswer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const type = options.method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const headers = {
    ...options.headers,
    Accept: 'application/json',
    'Content-Type': type,
    // Node leaves it out for DELETE, and the body would be taken for the next request.
    'Content-Length': Buffer.byteLength(text),
  };
  const start = url.protocol === 'http:' ? requestPlain : requestSecure;
  return new Promise((resolve, reject) => {
    const outgoing = start(url, { ...options, headers, timeout: ANSWER_MS }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ status, body: parsed(Buffer.concat(chunks).toString('utf8')) });
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`nothing heard for ${ANSWER_MS / 1000} s`)));
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

/** What is no JSON, such as a proxy's page, becomes the message of a Status. */
function parsed(text: string): JsonObject {
  try {
    return JSON.parse(text) as JsonObject;
  } catch {
    return { message: text.slice(0, 200) };
  }
}
