/** The frame of a netlink batch: numbered messages between a begin and an end message. */
import type { Family } from './commands.ts';
import { BATCH_GENERATION, FAMILY_NUMBER, MESSAGE_FLAG, SUBSYSTEM } from './netlink-constants.ts';
import { endMessage, putUint32, startMessage, type Writer } from './netlink-writer.ts';

/** One message of a batch and the part of the transaction it carries. */
export interface BatchMessage {
  readonly sequence: number;
  /** Where the message starts in the batch's bytes. */
  readonly start: number;
  /** Index of the command in the transaction. */
  readonly command: number;
  /** Elements: index of the first one in the command. */
  readonly firstElement?: number;
}

/** A batch being written. */
export interface Batch {
  readonly writer: Writer;
  readonly objects: BatchMessage[];
  sequence: number;
}

/** Writes the begin or end message; `generation` is checked by the kernel. */
export function putFrame(batch: Batch, type: number, generation?: number): void {
  const sequence = takeSequence(batch);
  const start = startMessage(batch.writer, {
    type,
    flags: MESSAGE_FLAG.request,
    family: 0,
    sequence,
    resource: SUBSYSTEM,
  });
  if (generation !== undefined) putUint32(batch.writer, BATCH_GENERATION, generation);
  endMessage(batch.writer, start);
}

function takeSequence(batch: Batch): number {
  const { sequence } = batch;
  batch.sequence = (sequence + 1) >>> 0;
  return sequence;
}

/** The head of a message and the part of the transaction it carries. */
export interface MessageStart {
  readonly type: number;
  readonly flags?: number;
  readonly family: Family;
  readonly command: number;
  readonly firstElement?: number;
}

/** Writes one message of the batch; `write` adds its attributes. */
export function putMessage(batch: Batch, header: MessageStart, write: (writer: Writer) => void): void {
  const { type, flags = 0, family, ...place } = header;
  const sequence = takeSequence(batch);
  const start = startMessage(batch.writer, {
    type: (SUBSYSTEM << 8) | type,
    flags: MESSAGE_FLAG.request | flags,
    family: FAMILY_NUMBER[family],
    sequence,
  });
  write(batch.writer);
  endMessage(batch.writer, start);
  batch.objects.push({ sequence, start, ...place });
}
