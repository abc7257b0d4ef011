/** A transaction to one netlink batch: begin, a message for each command (several for many elements), end. */
import { type Batch, type BatchMessage, putFrame } from './batch.ts';
import { encodeCommand } from './command-encoding.ts';
import type { Transaction } from './commands.ts';
import { BATCH_BEGIN, BATCH_END, MESSAGE_FLAG } from './netlink-constants.ts';
import { addMessageFlags, createWriter, writtenBytes } from './netlink-writer.ts';

/** An encoded batch. */
export interface EncodedTransaction {
  readonly bytes: Buffer;
  readonly objects: readonly BatchMessage[];
  /** Sequence number of the begin message. */
  readonly firstSequence: number;
  /** Sequence number of the last command's message, which asks for an ack. */
  readonly acknowledgedSequence: number;
  /** The next sequence number that is not used. */
  readonly nextSequence: number;
}

export interface EncodingOptions {
  /** Sequence number of the first message, 32 bits; default 1. */
  readonly startSequence?: number;
  /** The batch fails with ERESTART unless the ruleset still has this generation. */
  readonly generation?: number;
}

/**
 * Encodes a whole batch. Throws RangeError for what cannot be written: unknown types, registers and comments out
 * of range, rules too large for an attribute, a missing set spec or rule handle.
 */
export function encodeTransaction(
  transaction: Transaction,
  options: EncodingOptions = {},
): EncodedTransaction {
  const firstSequence = options.startSequence ?? 1;
  const batch: Batch = { writer: createWriter(), objects: [], sequence: firstSequence };
  putFrame(batch, BATCH_BEGIN, options.generation);
  for (const [index, command] of transaction.entries()) encodeCommand(batch, command, index);
  const last = batch.objects.at(-1);
  if (last !== undefined) addMessageFlags(batch.writer, last.start, MESSAGE_FLAG.acknowledge);
  putFrame(batch, BATCH_END);
  return {
    bytes: writtenBytes(batch.writer),
    objects: batch.objects,
    firstSequence,
    acknowledgedSequence: last?.sequence ?? firstSequence,
    nextSequence: batch.sequence,
  };
}
