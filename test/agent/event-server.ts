/** The part of an API server that Events need: metadata of objects, and Events that are read, made and patched. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An Event as it is stored. */
export interface StoredEvent {
  readonly metadata: { readonly namespace: string; readonly name: string; readonly resourceVersion: string };
  readonly [field: string]: unknown;
}

export interface EventServer {
  readonly origin: string;
  /** `METHOD path`, without the query. */
  readonly requests: readonly string[];
  /** By path. */
  readonly events: Map<string, StoredEvent>;
  /** uids by the path of the object. */
  readonly objects: Map<string, string>;
  /** Answers instead of the server: status and body; null: it does not. */
  fault: ((request: string) => readonly [number, string] | null) | null;
  close(): Promise<void>;
}

/** Starts one on a free port of the loopback. */
export async function startEventServer(): Promise<EventServer> {
  const requests: string[] = [];
  const events = new Map<string, StoredEvent>();
  const objects = new Map<string, string>();
  let version = 1;
  const server = createServer(async (request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? '';
    const asked = `${request.method} ${path}`;
    requests.push(asked);
    const body = await bodyOf(request);
    const fault = served.fault?.(asked) ?? null;
    if (fault !== null) answer(response, fault[0], { kind: 'Status', message: fault[1] });
    else if (request.method === 'GET') read(request, response, path);
    else write(request.method ?? '', response, path, body as StoredEvent);
  });
  function read(request: IncomingMessage, response: ServerResponse, path: string): void {
    const uid = objects.get(path);
    const metadataOnly = request.headers.accept?.includes('PartialObjectMetadata') ?? false;
    if (uid !== undefined && metadataOnly) answer(response, 200, { metadata: { uid, resourceVersion: '7' } });
    else answer(response, events.has(path) ? 200 : 404, events.get(path) ?? { message: 'not found' });
  }
  function write(method: string, response: ServerResponse, path: string, body: StoredEvent): void {
    const at = method === 'POST' ? `${path}/${body.metadata.name}` : path;
    const old = events.get(at);
    const stale = body.metadata.resourceVersion !== old?.metadata.resourceVersion;
    if (method === 'POST' ? old !== undefined : stale) answer(response, 409, { message: 'conflict' });
    else {
      const metadata = { ...old?.metadata, ...body.metadata, resourceVersion: String(++version) };
      events.set(at, { ...old, ...body, metadata });
      answer(response, method === 'POST' ? 201 : 200, events.get(at));
    }
  }
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const served: EventServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    events,
    objects,
    fault: null,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return served;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? null : JSON.parse(Buffer.concat(chunks).toString('utf8'));
}

function answer(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
