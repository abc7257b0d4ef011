/** An API server in memory, as strict as kube-apiserver where the server of test/cluster-api is not. */
import type { ApiAnswer, ApiClient, JsonObject } from '../../../src/lab/server/api-client.ts';

export interface StrictServer {
  readonly client: ApiClient;
  /** By path. */
  readonly objects: Map<string, JsonObject>;
  /** Method and path of every request that changes something, in order. */
  readonly changes: string[];
  /** Called before each request. */
  before: (method: string, path: string) => void;
}

interface Store {
  readonly objects: Map<string, JsonObject>;
  version: number;
}

/** Takes a status by itself only, versions that are its newest, and no other node for a pod. */
export function createStrictServer(): StrictServer {
  const store: Store = { objects: new Map(), version: 0 };
  const server: StrictServer = {
    client: {
      origin: 'https://strict',
      async send(method, fullPath, body = {}) {
        server.before(method, fullPath);
        const [path = '', query = ''] = fullPath.split('?');
        if (method !== 'GET' && query === '') server.changes.push(`${method} ${path}`);
        if (method === 'POST') return create(store, path, body, query !== '');
        if (method === 'GET' && query !== '') return list(store, path);
        return answer(store, method, path, body);
      },
      close() {},
    },
    objects: store.objects,
    changes: [],
    before() {},
  };
  return server;
}

function answer(store: Store, method: string, fullPath: string, body: JsonObject): ApiAnswer {
  const path = fullPath.replace(/\/status$/, '');
  const stored = store.objects.get(path);
  if (stored === undefined) return { status: 404, body: {} };
  switch (method) {
    case 'PUT':
      if (metadataOf(body).resourceVersion !== metadataOf(stored).resourceVersion)
        return { status: 409, body: {} };
      if (path !== fullPath) return put(store, path, { ...stored, status: body.status }, {});
      return replace(store, path, stored, body);
    case 'PATCH':
      return put(store, path, stored, metadataOf(body));
    case 'DELETE':
      return put(store, path, stored, { deletionTimestamp: 'now' });
    default:
      return { status: 200, body: stored };
  }
}

function create(store: Store, path: string, body: JsonObject, isTrial: boolean): ApiAnswer {
  const own = `${path}/${metadataOf(body).name}`;
  if (portOf(body) === 0) return INVALID;
  if (store.objects.has(own)) return { status: 409, body: {} };
  if (isTrial) return { status: 201, body };
  const { status: _, ...rest } = body;
  return put(store, own, rest, { creationTimestamp: new Date().toISOString() });
}

function replace(store: Store, path: string, stored: JsonObject, body: JsonObject): ApiAnswer {
  if (nodeOf(stored) !== nodeOf(body)) return { status: 422, body: { message: 'field is immutable' } };
  if (portOf(body) === 0) return INVALID;
  const { creationTimestamp, deletionTimestamp } = metadataOf(stored);
  const own = { creationTimestamp, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
  return put(store, path, { ...body, status: stored.status }, own);
}

function put(store: Store, path: string, content: JsonObject, own: JsonObject): ApiAnswer {
  store.version += 1;
  const metadata: JsonObject = { ...metadataOf(content), ...own, resourceVersion: String(store.version) };
  const stored = { ...content, metadata };
  const isOver = 'deletionTimestamp' in metadata && listOf(metadata.finalizers).length === 0;
  if (isOver) store.objects.delete(path);
  else store.objects.set(path, stored);
  return { status: 200, body: stored };
}

function list({ objects }: Store, path: string): ApiAnswer {
  const resource = path.slice(path.lastIndexOf('/') + 1);
  const items = [...objects].filter(([key, object]) => {
    const labels = metadataOf(object).labels as JsonObject | undefined;
    return key.split('/').at(-2) === resource && labels?.['lab.weir.dev/name'] === 'mine';
  });
  return { status: 200, body: { items: items.map(([, object]) => object) } };
}

const INVALID: ApiAnswer = { status: 422, body: { message: 'spec.ports[0].port: Invalid value: 0' } };

function metadataOf({ metadata }: JsonObject): JsonObject {
  return (metadata ?? {}) as JsonObject;
}

function nodeOf({ spec }: JsonObject): unknown {
  return (spec as JsonObject | undefined)?.nodeName;
}

function portOf({ spec }: JsonObject): unknown {
  const [port] = listOf((spec as JsonObject | undefined)?.ports);
  return (port as JsonObject | undefined)?.port;
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
