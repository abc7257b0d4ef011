/** From the kernel's refusal of a batch to an error that names the command and, if it can be told, the element. */

import type { BatchMessage } from './batch.ts';
import type { Command, Transaction } from './commands.ts';
import { NftError } from './errors.ts';
import type { Refusal } from './native-addon.ts';
import {
  ATTRIBUTE_HEADER_BYTES,
  ELEMENT_LIST,
  NETLINK_HEADER_BYTES,
  NFNETLINK_HEADER_BYTES,
} from './netlink-constants.ts';
import { attributeEnd, attributeType, hostUint16 } from './netlink-reader.ts';
import type { EncodedTransaction } from './transaction-encoding.ts';
import { printCommand, specsIn } from './transaction-text.ts';

/** Elements printed when it is not known which one was refused. */
const PRINTED_ELEMENTS = 3;

/** The error for a refused batch. */
export function refusalError(
  refusal: Refusal,
  transaction: Transaction,
  batch: EncodedTransaction,
): NftError {
  const message = batch.objects.find(({ sequence }) => sequence === refusal.sequence);
  const command = message && transaction[message.command];
  const object =
    message === undefined || command === undefined
      ? `the whole transaction of ${transaction.length} commands`
      : printCommand(narrowed(command, message, refusal, batch), { sets: specsIn(transaction) });
  return new NftError({ errno: refusal.errno, operation: 'commit', object, explanation: refusal.message });
}

/** The command with only the elements the refusal can be about. */
function narrowed(
  command: Command,
  message: BatchMessage,
  refusal: Refusal,
  batch: EncodedTransaction,
): Command {
  if (command.object !== 'elements') return command;
  const first = message.firstElement ?? 0;
  const index = refusedElement(batch.bytes, message.start, refusal.offset);
  if (index !== undefined)
    return { ...command, elements: command.elements.slice(first + index, first + index + 1) };
  return { ...command, elements: command.elements.slice(first, first + PRINTED_ELEMENTS) };
}

/** Index in the message of the element whose attributes contain the offset; undefined if it is elsewhere. */
function refusedElement(bytes: Buffer, start: number, offset: number): number | undefined {
  const target = start + offset;
  if (offset < NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES || target >= bytes.length) return undefined;
  let position = start + NETLINK_HEADER_BYTES + NFNETLINK_HEADER_BYTES;
  while (attributeType(bytes, position) !== ELEMENT_LIST.elements) {
    const end = attributeEnd(bytes, position, bytes.length);
    if (target < end) return undefined;
    position = (end + 3) & ~3;
  }
  const listEnd = position + hostUint16(bytes, position);
  let index = 0;
  for (let item = position + ATTRIBUTE_HEADER_BYTES; item < listEnd; index++) {
    const end = attributeEnd(bytes, item, listEnd);
    if (target >= item && target < end) return index;
    item = (end + 3) & ~3;
  }
  return undefined;
}
