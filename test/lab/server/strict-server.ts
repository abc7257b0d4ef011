/** An API server in memory, as strict as kube-apiserver where the server of test/cluster-api is not. */
import type { ApiClient, JsonObject } from '../../../src/lab/server/api-client.ts';

export interface StrictServer {
  readonly client: ApiClient;
  /** By path. */
  readonly objects: Map<string, JsonObject>;
  /** Method and path of every request that changes something, in order. */
  readonly changes: string[];
  /** Called before each request. */
  before: (method: string, path: string) => void;
}

/** Takes a status by itself only, versions that are its newest, and no other node for a pod. */
export function createStrictServer(): StrictServer {
  let version = 0;
  const objects = new Map<string, JsonObject>();
  const put = (path: string, content: JsonObject, own: JsonObject) => {
    version += 1;
    const metadata: JsonObject = { ...metadataOf(content), ...own, resourceVersion: String(version) };
    const stored = { ...content, metadata };
    const isOver = 'deletionTimestamp' in metadata && listOf(metadata.finalizers).length === 0;
    if (isOver) objects.delete(path);
    else objects.set(path, stored);
    return { status: 200, body: stored };
  };
  const server: StrictServer = {
    client: { origin: 'https://strict', send, close() {} },
    objects,
    changes: [],
    before() {},
  };

  async function send(method: string, fullPath: string, body: JsonObject = {}) {
    server.before(method, fullPath);
    const [path = '', query = ''] = fullPath.split('?');
    if (method !== 'GET' && query === '') server.changes.push(`${method} ${path}`);
    if (method === 'POST') return create(path, body, query);
    if (method === 'GET' && query !== '') return list(path);
    const isStatus = path.endsWith('/status');
    const stored = objects.get(isStatus ? path.slice(0, -'/status'.length) : path);
    if (stored === undefined) return { status: 404, body: {} };
    const metadata = metadataOf(stored);
    switch (method) {
      case 'PUT':
        if (metadataOf(body).resourceVersion !== metadata.resourceVersion) return { status: 409, body: {} };
        if (isStatus) return put(path.slice(0, -'/status'.length), { ...stored, status: body.status }, {});
        return replace(path, stored, body);
      case 'PATCH':
        return put(path, stored, metadataOf(body));
      case 'DELETE':
        return put(path, stored, { deletionTimestamp: 'now' });
      default:
        return { status: 200, body: stored };
    }
  }

  function create(path: string, body: JsonObject, query: string) {
    const own = `${path}/${metadataOf(body).name}`;
    if (portOf(body) === 0) return { status: 422, body: { message: 'spec.ports[0].port: Invalid value: 0' } };
    if (objects.has(own)) return { status: 409, body: {} };
    if (query !== '') return { status: 201, body };
    const { status: _, ...rest } = body;
    return put(own, rest, { creationTimestamp: new Date().toISOString() });
  }

  function replace(path: string, stored: JsonObject, body: JsonObject) {
    if (nodeOf(stored) !== nodeOf(body)) return { status: 422, body: { message: 'field is immutable' } };
    if (portOf(body) === 0) return { status: 422, body: { message: 'spec.ports[0].port: Invalid value: 0' } };
    const { creationTimestamp, deletionTimestamp } = metadataOf(stored);
    const own = { creationTimestamp, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
    return put(path, { ...body, status: stored.status }, own);
  }

  function list(path: string) {
    const resource = path.slice(path.lastIndexOf('/') + 1);
    const items = [...objects].filter(([key, { metadata }]) => {
      const labels = (metadata as JsonObject).labels as JsonObject | undefined;
      return key.split('/').at(-2) === resource && labels?.['lab.weir.dev/name'] === 'mine';
    });
    return { status: 200, body: { items: items.map(([, object]) => object) } };
  }

  return server;
}

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
