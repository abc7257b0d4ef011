/** Commands to netlink messages: one for each command, several for many elements. */
import { type Batch, putMessage } from './batch.ts';
import type {
  BaseChain,
  ChainCommand,
  Command,
  ElementsCommand,
  Family,
  RuleCommand,
  SetCommand,
  TableCommand,
  TimeoutCommand,
} from './commands.ts';
import { putElement } from './elements.ts';
import { putExpressions } from './expression-encoding.ts';
import { OBJECT_TYPE, TCP_STATE, type TcpState } from './expression-names.ts';
import {
  CHAIN,
  COMMENT_RECORD,
  ELEMENT_LIST,
  FAMILY_NUMBER,
  HOOK,
  MESSAGE,
  MESSAGE_FLAG,
  OBJECT,
  RULE,
  SET,
  TABLE,
  TIMEOUT,
  VERDICT_NUMBER,
} from './netlink-constants.ts';
import {
  endNest,
  putText,
  putUint8,
  putUint16,
  putUint32,
  putUint64,
  startNest,
  type Writer,
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
/** IP protocol number. */
const TCP = 6;

/** Writes the messages of the command at `index` of the transaction. Throws RangeError for what cannot be written. */
export function encodeCommand(batch: Batch, command: Command, index: number): void {
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
    case 'timeout':
      encodeTimeout(batch, command, index);
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

function encodeTimeout(
  batch: Batch,
  { verb, family, table, timeout, spec }: TimeoutCommand,
  index: number,
): void {
  const adds = verb === 'add';
  if (adds && spec === undefined)
    throw new RangeError(`timeout ${timeout} is added without a spec; give its seconds`);
  const type = adds ? MESSAGE.newObject : MESSAGE.deleteObject;
  putMessage(batch, { type, flags: adds ? MESSAGE_FLAG.create : 0, family, command: index }, (writer) => {
    putText(writer, OBJECT.table, table);
    putText(writer, OBJECT.name, timeout);
    putUint32(writer, OBJECT.type, OBJECT_TYPE.timeout);
    if (spec === undefined) return;
    const data = startNest(writer, OBJECT.data);
    putUint16(writer, TIMEOUT.family, FAMILY_NUMBER[family]);
    putUint8(writer, TIMEOUT.protocol, TCP);
    const states = startNest(writer, TIMEOUT.seconds);
    for (const [state, seconds] of Object.entries(spec.seconds))
      putUint32(writer, TCP_STATE[state as TcpState], seconds);
    endNest(writer, states);
    endNest(writer, data);
  });
}
