/** A small API server with faults: objects in memory, lists in pages, watches, and whatever goes wrong on demand. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { WATCHED_KINDS } from '../../../src/source/kubernetes/kinds.ts';
import { encodeEvent, encodeList } from './protobuf-encoding.ts';

export interface FakeObject {
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    resourceVersion?: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

interface Watch {
  readonly kind: string;
  /** Takes lines of JSON, whatever the encoding. */
  readonly tell: (text: string | Buffer) => void;
}

/** Answers a request instead of the server where it returns true. */
export type Fault = (url: URL, response: ServerResponse, request: IncomingMessage) => boolean;

export interface FakeServer {
  readonly origin: string;
  /** Path and query of every request so far. */
  readonly requests: readonly URL[];
  fault: Fault | null;
  /** Sends listings as streams. */
  streaming: boolean;
  /** Speaks protocol buffers with those who ask for them. */
  protobuf: boolean;
  pageSize: number;
  /** Returns the version that the object then has. */
  set(object: FakeObject): number;
  remove(kind: string, name: string): void;
  /** The same without telling the watches, as if they were cut off at that moment. */
  removeSilently(kind: string, name: string): void;
  /** Watches from now on know nothing of versions before this moment. */
  compact(): void;
  /** Sends raw text to every watch of a kind. */
  send(kind: string, text: string | Buffer): void;
  /** Cuts every connection, the way a killed server does. */
  cut(): void;
  watches(kind: string): number;
  close(): Promise<void>;
}

interface State {
  readonly objects: Map<string, FakeObject>;
  readonly history: { readonly version: number; readonly kind: string; readonly line: string }[];
  readonly watches: Set<Watch>;
  readonly sockets: Set<Socket>;
  version: number;
  oldest: number;
}

/** Starts one on a free port of the loopback. */
export async function startFakeServer(): Promise<FakeServer> {
  const state: State = {
    objects: new Map(),
    history: [],
    watches: new Set(),
    sockets: new Set(),
    version: 100,
    oldest: 0,
  };
  const requests: URL[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://fake');
    requests.push(url);
    if (fake.fault?.(url, response, request)) return;
    const kind = WATCHED_KINDS.find(({ path }) => path === url.pathname)?.kind;
    if (kind === undefined) {
      answerStatus(response, 404, 'not found');
      return;
    }
    const protobuf = fake.protobuf && request.headers.accept?.includes(PROTOBUF) === true;
    const question = { kind, url, protobuf };
    if (url.searchParams.has('watch')) answerWatch(state, question, response, fake.streaming);
    else answerList(state, question, response, fake.pageSize);
  });
  server.on('connection', (socket) => {
    state.sockets.add(socket);
    socket.on('close', () => state.sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    for (const socket of state.sockets) socket.destroy();
  };
  const fake: FakeServer = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    fault: null,
    streaming: true,
    protobuf: false,
    pageSize: 500,
    set: (object) => setObject(state, object),
    remove: (kind, name) => removeObject(state, kind, name, false),
    removeSilently: (kind, name) => removeObject(state, kind, name, true),
    compact() {
      state.version += 1;
      state.oldest = state.version;
    },
    send: (kind, text) => sendText(state, kind, text),
    cut,
    watches: (kind) => [...state.watches].filter((entry) => entry.kind === kind).length,
    close() {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return fake;
}

function objectsOf(state: State, kind: string): readonly FakeObject[] {
  return [...state.objects.values()].filter((object) => object.kind === kind);
}

function setObject(state: State, object: FakeObject): number {
  const type = state.objects.has(keyOf(object)) ? 'MODIFIED' : 'ADDED';
  tell(state, type, object, false);
  return state.version;
}

function removeObject(state: State, kind: string, name: string, silently: boolean): void {
  const object = objectsOf(state, kind).find(({ metadata }) => metadata.name === name);
  if (object === undefined) throw new Error(`no ${kind} ${name}`);
  tell(state, 'DELETED', object, silently);
}

function tell(state: State, type: string, changed: FakeObject, silently: boolean): void {
  state.version += 1;
  const object = { ...changed, metadata: { ...changed.metadata, resourceVersion: String(state.version) } };
  if (type === 'DELETED') state.objects.delete(keyOf(object));
  else state.objects.set(keyOf(object), object);
  const line = `${JSON.stringify({ type, object })}\n`;
  state.history.push({ version: state.version, kind: object.kind, line });
  if (!silently) sendText(state, object.kind, line);
}

function sendText(state: State, kind: string, text: string | Buffer): void {
  for (const watch of state.watches) if (watch.kind === kind) watch.tell(text);
}

interface Question {
  readonly kind: string;
  readonly url: URL;
  readonly protobuf: boolean;
}

function answerWatch(
  state: State,
  { kind, url, protobuf }: Question,
  response: ServerResponse,
  streaming: boolean,
): void {
  const initial = url.searchParams.get('sendInitialEvents') === 'true';
  const from = Number(url.searchParams.get('resourceVersion') ?? '0');
  if (initial && !streaming) {
    answerStatus(response, 422, 'sendInitialEvents is forbidden');
    return;
  }
  if (!initial && from < state.oldest) {
    answerStatus(response, 410, 'too old resource version');
    return;
  }
  const type = protobuf ? `${PROTOBUF};stream=watch` : 'application/json';
  response.writeHead(200, { 'Content-Type': type }).flushHeaders();
  const watch: Watch = {
    kind,
    tell: (text) => response.write(protobuf ? encodeEvent(kind, JSON.parse(String(text))) : text),
  };
  if (initial) {
    for (const object of objectsOf(state, kind)) watch.tell(`${JSON.stringify({ type: 'ADDED', object })}\n`);
    watch.tell(bookmark(state.version, true));
  } else {
    for (const told of state.history) if (told.kind === kind && told.version > from) watch.tell(told.line);
  }
  state.watches.add(watch);
  response.on('close', () => state.watches.delete(watch));
}

function answerList(
  state: State,
  { kind, url, protobuf }: Question,
  response: ServerResponse,
  pageSize: number,
): void {
  const start = Number(url.searchParams.get('continue') ?? '0');
  const all = objectsOf(state, kind);
  const next = start + pageSize;
  // As the real one: items carry neither kind nor apiVersion.
  const items = all.slice(start, next).map(({ kind: _, apiVersion: __, ...item }) => item);
  const more = next < all.length ? { continue: String(next) } : {};
  const metadata = { resourceVersion: String(state.version), ...more };
  const list = { kind: `${kind}List`, metadata, items };
  response.writeHead(200, { 'Content-Encoding': 'gzip', ...(protobuf ? { 'Content-Type': PROTOBUF } : {}) });
  response.end(gzipSync(protobuf ? encodeList(kind, list) : JSON.stringify(list)));
}

/** A Status as API servers send it. */
export function answerStatus(
  response: ServerResponse,
  code: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(code, { 'Content-Type': 'application/json', ...headers });
  response.end(JSON.stringify({ kind: 'Status', code, message }));
}

/** The line of a bookmark. */
export function bookmark(version: number, initialEnd: boolean): string {
  const annotations = initialEnd ? { 'k8s.io/initial-events-end': 'true' } : {};
  const object = { kind: 'Any', metadata: { resourceVersion: String(version), annotations } };
  return `${JSON.stringify({ type: 'BOOKMARK', object })}\n`;
}

/** A Service as the API server has it. */
export function fakeService(
  name: string,
  port = 80,
  more: Readonly<Record<string, string>> = {},
): FakeObject {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'shop', annotations: more },
    spec: { clusterIP: '10.96.0.10', clusterIPs: ['10.96.0.10'], ports: [{ port, protocol: 'TCP' }] },
  };
}

function keyOf({ kind, metadata }: FakeObject): string {
  return `${kind}/${metadata.namespace ?? ''}/${metadata.name}`;
}
