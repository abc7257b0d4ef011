/** A transaction to one netlink batch: begin, a message for each command (several for many elements), end. */
import type {
  BaseChain,
  ChainCommand,
  Command,
  ElementsCommand,
  Family,
  RuleCommand,
  SetCommand,
  TableCommand,
  Transaction,
} from './commands.ts';
import { putElement } from './elements.ts';
import { putExpressions } from './expression-encoding.ts';
import {
  BATCH_BEGIN,
  BATCH_END,
  BATCH_GENERATION,
  CHAIN,
  COMMENT_RECORD,
  ELEMENT_LIST,
  FAMILY_NUMBER,
  HOOK,
  MESSAGE,
  MESSAGE_FLAG,
  RULE,
  SET,
  SUBSYSTEM,
  TABLE,
  VERDICT_NUMBER,
} from './netlink-constants.ts';
import {
  addMessageFlags,
  createWriter,
  endMessage,
  endNest,
  putText,
  putUint32,
  putUint64,
  startMessage,
  startNest,
  type Writer,
  writtenBytes,
} from './netlink-writer.ts';
import { putSetSpec } from './set-spec.ts';
import { putComment } from './user-data.ts';

/** Elements in one message; kept under this number of bytes too, as the list's length has 16 bits. */
const ELEMENTS_PER_MESSAGE = 400;
const ELEMENT_BYTES_PER_MESSAGE = 60_000;

/** Hook numbers; ingress and egress have others in the netdev family. */
const HOOK_NUMBER = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
  ingress: 5,
  egress: 1,
} as const;
const ARP_HOOK_NUMBER = { input: 0, output: 1 } as const;

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

interface Batch {
  readonly writer: Writer;
  readonly objects: BatchMessage[];
  sequence: number;
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

function putFrame(batch: Batch, type: number, generation?: number): void {
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

interface MessageStart {
  readonly type: number;
  readonly flags?: number;
  readonly family: Family;
  readonly command: number;
  readonly firstElement?: number;
}

/** Writes one message of the batch; `write` adds its attributes. */
function putMessage(batch: Batch, header: MessageStart, write: (writer: Writer) => void): void {
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

function encodeCommand(batch: Batch, command: Command, index: number): void {
  switch (command.object) {
    case 'table':
      encodeTable(batch, command, index);
      break;
    case 'chain':
      encodeChain(batch, command, index);
      break;
    case 'rule':
      encodeRule(batch, command, index);
      break;
    case 'set':
      encodeSet(batch, command, index);
      break;
    case 'elements':
      encodeElements(batch, command, index);
      break;
  }
}

function encodeTable(batch: Batch, command: TableCommand, index: number): void {
  const adds = command.verb === 'add';
  const type = { add: MESSAGE.newTable, delete: MESSAGE.deleteTable, destroy: MESSAGE.destroyTable }[
    command.verb
  ];
  const flags = adds ? MESSAGE_FLAG.create : 0;
  putMessage(batch, { type, flags, family: command.family, command: index }, (writer) => {
    putText(writer, TABLE.name, command.table);
    if (!adds) return;
    putUint32(writer, TABLE.flags, 0);
    putComment(writer, TABLE.userData, COMMENT_RECORD.table, command.comment);
  });
}

function encodeChain(batch: Batch, command: ChainCommand, index: number): void {
  const { verb, family } = command;
  if (verb === 'flush') {
    putMessage(batch, { type: MESSAGE.deleteRule, family, command: index }, (writer) => {
      putText(writer, RULE.table, command.table);
      putText(writer, RULE.chain, command.chain);
    });
    return;
  }
  const adds = verb === 'add';
  const type = adds ? MESSAGE.newChain : MESSAGE.deleteChain;
  putMessage(batch, { type, flags: adds ? MESSAGE_FLAG.create : 0, family, command: index }, (writer) => {
    putText(writer, CHAIN.table, command.table);
    putText(writer, CHAIN.name, command.chain);
    if (!adds) return;
    if (command.base !== undefined) putBaseChain(writer, command.base, family);
    putComment(writer, CHAIN.userData, COMMENT_RECORD.chain, command.comment);
  });
}

function putBaseChain(writer: Writer, base: BaseChain, family: Family): void {
  const hook = startNest(writer, CHAIN.hook);
  putUint32(writer, HOOK.number, hookNumber(base.hook, family));
  putUint32(writer, HOOK.priority, base.priority);
  if (base.device !== undefined) putText(writer, HOOK.device, base.device);
  endNest(writer, hook);
  putText(writer, CHAIN.type, base.type);
  if (base.policy !== undefined) putUint32(writer, CHAIN.policy, VERDICT_NUMBER[base.policy]);
}

/** The kernel's number of a hook in a family. */
export function hookNumber(hook: BaseChain['hook'], family: Family): number {
  if (family === 'netdev') return hook === 'egress' ? HOOK_NUMBER.egress : 0;
  if (family === 'arp' && (hook === 'input' || hook === 'output')) return ARP_HOOK_NUMBER[hook];
  return HOOK_NUMBER[hook];
}

function encodeRule(batch: Batch, command: RuleCommand, index: number): void {
  const { verb, family } = command;
  const deletes = verb === 'delete';
  if (deletes && command.handle === undefined)
    throw new RangeError('a rule is deleted by its handle; name one');
  const type = deletes ? MESSAGE.deleteRule : MESSAGE.newRule;
  const flags = { add: MESSAGE_FLAG.create | MESSAGE_FLAG.append, insert: MESSAGE_FLAG.create, delete: 0 }[
    verb
  ];
  putMessage(batch, { type, flags, family, command: index }, (writer) => {
    putText(writer, RULE.table, command.table);
    putText(writer, RULE.chain, command.chain);
    if (command.handle !== undefined)
      putUint64(writer, deletes ? RULE.handle : RULE.position, command.handle);
    if (deletes) return;
    putExpressions(writer, RULE.expressions, command.expressions ?? []);
    putComment(writer, RULE.userData, COMMENT_RECORD.rule, command.comment);
  });
}

function encodeSet(batch: Batch, command: SetCommand, index: number): void {
  const { verb, family, spec } = command;
  if (verb === 'flush') {
    putMessage(batch, { type: MESSAGE.deleteElement, family, command: index }, (writer) =>
      putSetName(writer, command),
    );
    return;
  }
  if (verb === 'delete') {
    putMessage(batch, { type: MESSAGE.deleteSet, family, command: index }, (writer) => {
      putText(writer, SET.table, command.table);
      putText(writer, SET.name, command.set);
    });
    return;
  }
  if (spec === undefined)
    throw new RangeError(`set ${command.set} is added without a spec; give its key type`);
  putMessage(
    batch,
    { type: MESSAGE.newSet, flags: MESSAGE_FLAG.create, family, command: index },
    (writer) => {
      putText(writer, SET.table, command.table);
      putText(writer, SET.name, command.set);
      // The kernel asks for an id that no other set of the batch has.
      putUint32(writer, SET.id, index + 1);
      putSetSpec(writer, spec);
    },
  );
}

function putSetName(writer: Writer, command: { readonly table: string; readonly set: string }): void {
  putText(writer, ELEMENT_LIST.table, command.table);
  putText(writer, ELEMENT_LIST.set, command.set);
}

function encodeElements(batch: Batch, command: ElementsCommand, index: number): void {
  const deletes = command.verb === 'delete';
  const header = {
    type: deletes ? MESSAGE.deleteElement : MESSAGE.newElement,
    flags: deletes ? 0 : MESSAGE_FLAG.create,
    family: command.family,
    command: index,
  };
  const { elements } = command;
  for (let next = 0; next < elements.length; ) {
    const firstElement = next;
    putMessage(batch, { ...header, firstElement }, (writer) => {
      putSetName(writer, command);
      const list = startNest(writer, ELEMENT_LIST.elements);
      const end = Math.min(elements.length, firstElement + ELEMENTS_PER_MESSAGE);
      for (; next < end && writer.length - list < ELEMENT_BYTES_PER_MESSAGE; next++) {
        const element = elements[next];
        if (element !== undefined) putElement(writer, element, deletes);
      }
      endNest(writer, list);
    });
  }
}
