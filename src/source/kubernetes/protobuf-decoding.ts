/** Watches, lists and failures as Kubernetes writes them in protocol buffers. */
import type { WatchedKind } from './kinds.ts';
import { decodeMessage, list, type Message, one, type Shape, shapeOf } from './protobuf.ts';
import { OBJECT_META, SHAPES } from './shapes.ts';
import { eventOf, type ListPage, pageOf, type WatchEvent } from './watch-events.ts';

/** Every whole message but a watch's own begins so; then comes one of shape UNKNOWN that holds it. */
const MAGIC = Buffer.from('k8s\0');

const UNKNOWN = shapeOf({ 2: one('raw', 'bytes') });
const WATCH_EVENT = shapeOf({
  1: one('type', 'text'),
  2: one('object', shapeOf({ 1: one('raw', 'bytes') })),
});
const LIST_META = shapeOf({ 2: one('resourceVersion', 'text'), 3: one('continue', 'text') });
const STATUS = shapeOf({
  3: one('message', 'text'),
  5: one('details', shapeOf({ 5: one('retryAfterSeconds', 'number') })),
  6: one('code', 'number'),
});
const METADATA_ONLY = shapeOf({ 1: one('metadata', OBJECT_META) });

/** Decodes one frame of a watch. Never throws. */
export function decodeProtobufEvent(kind: WatchedKind, frame: Buffer): WatchEvent {
  try {
    const { type, object } = decodeMessage(frame, WATCH_EVENT);
    const { raw } = (object ?? {}) as Message;
    if (!Buffer.isBuffer(raw)) return { type: 'unreadable', why: `an event ${String(type)} without object` };
    return eventOf(kind, type, unwrap(raw, type === 'ERROR' ? STATUS : shapeFor(kind)));
  } catch (error) {
    return { type: 'unreadable', why: `an event that is no message: ${(error as Error).message}` };
  }
}

/**
 * Decodes one page of a list.
 * @throws ApiFailure where it is no list
 */
export function decodeProtobufList(kind: WatchedKind, body: Buffer): ListPage {
  const shape = shapeOf({ 1: one('metadata', LIST_META), 2: list('items', shapeFor(kind)) });
  return pageOf(
    kind,
    unlessBroken(() => unwrap(body, shape)),
  );
}

/** The message of a Status; empty where it is none. */
export function protobufStatusMessage(body: Buffer): string {
  const message = unlessBroken(() => unwrap(body, STATUS))?.message;
  return typeof message === 'string' ? message : '';
}

/** Kinds that are not asked for in this encoding may come in it all the same: then what identifies them does. */
function shapeFor(kind: WatchedKind): Shape {
  return SHAPES[kind.kind] ?? METADATA_ONLY;
}

function unwrap(bytes: Buffer, shape: Shape): Message {
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) throw new RangeError('the mark k8s is missing');
  const { raw } = decodeMessage(bytes.subarray(MAGIC.length), UNKNOWN);
  return Buffer.isBuffer(raw) ? decodeMessage(raw, shape) : {};
}

function unlessBroken(decode: () => Message): Message | undefined {
  try {
    return decode();
  } catch {
    return undefined;
  }
}
