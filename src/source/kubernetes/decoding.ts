/** Encodings of what the server sends: the one place that knows there are several. */
import type { WatchedKind } from './kinds.ts';
import { decodeProtobufEvent, decodeProtobufList, protobufStatusMessage } from './protobuf-decoding.ts';
import { SHAPES } from './shapes.ts';
import { createFrameSplitter, createLineSplitter, type Splitter } from './splitters.ts';
import { eventOf, type Json, type ListPage, pageOf, recordOf, type WatchEvent } from './watch-events.ts';

export interface Encoding {
  /** Makes a splitter for one watch: each piece is an event. */
  split(): Splitter;
  /** Decodes one piece of a watch. Never throws. */
  event(kind: WatchedKind, piece: Buffer): WatchEvent;
  /**
   * Decodes one page of a list.
   * @throws ApiFailure where it is no list
   */
  page(kind: WatchedKind, body: Buffer): ListPage;
  /** The body of a failure as text. */
  failure(body: Buffer): string;
}

const PROTOBUF = 'application/vnd.kubernetes.protobuf';

const JSON_ENCODING: Encoding = {
  split: createLineSplitter,
  event(kind, piece) {
    const line = piece.toString('utf8');
    const event = parseJson(line);
    const object = recordOf(event?.object);
    if (object === undefined) return { type: 'unreadable', why: line.slice(0, 200) };
    return eventOf(kind, event?.type, object);
  },
  page: (kind, body) => pageOf(kind, parseJson(body.toString('utf8'))),
  failure: (body) => body.toString('utf8'),
};

const PROTOBUF_ENCODING: Encoding = {
  split: createFrameSplitter,
  event: decodeProtobufEvent,
  page: decodeProtobufList,
  failure: (body) => JSON.stringify({ message: protobufStatusMessage(body) }),
};

/** What we ask for: JSON where we know no shape, and for servers that know nothing else. */
export function acceptedTypes(kind: WatchedKind): string {
  return SHAPES[kind.kind] === undefined ? 'application/json' : `${PROTOBUF}, application/json`;
}

/** The encoding of an answer with this Content-Type; null for what no API server sends. Without a type it is JSON. */
export function encodingOf(contentType: string | undefined): Encoding | null {
  if (contentType === undefined || contentType.includes('json')) return JSON_ENCODING;
  return contentType.startsWith(PROTOBUF) ? PROTOBUF_ENCODING : null;
}

function parseJson(text: string): Json | undefined {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}
