/** One netlink socket whose requests take turns. */
import type { Family } from './commands.ts';
import { toNftError } from './errors.ts';
import type { NativeSocket } from './native-addon.ts';
import { FAMILY_NUMBER, MESSAGE_FLAG, SUBSYSTEM } from './netlink-constants.ts';
import { type Attributes, type Message, readAttributes, readMessages } from './netlink-reader.ts';
import { createWriter, endMessage, startMessage, type Writer, writtenBytes } from './netlink-writer.ts';

export interface Connection {
  readonly socket: NativeSocket;
  /** Path of the network namespace it is in; undefined: this process's. */
  readonly netns: string | undefined;
  /** The next request's sequence number. */
  sequence: number;
  /** Settles when all requests so far are done: they go to the kernel in the order of the calls. */
  queue: Promise<unknown>;
}

/** Does `work` when all that was asked before is done, whether it failed or not. */
export function inTurn<Result>(connection: Connection, work: () => Promise<Result>): Promise<Result> {
  const result = connection.queue.then(work);
  connection.queue = result.catch(() => undefined);
  return result;
}

/** A question to the kernel, and how errors about it call it. */
export interface Request {
  readonly operation: string;
  readonly object: string;
  readonly type: number;
  readonly flags: number;
  readonly family?: Family;
}

/** Asks the kernel and hands each answer to `read`. Rejects with NftError. */
export async function ask(
  connection: Connection,
  request: Request,
  write: (writer: Writer) => void,
  read: (attributes: Attributes, message: Message) => void,
): Promise<void> {
  const { sequence } = connection;
  connection.sequence = (sequence + 1) >>> 0;
  const writer = createWriter(512);
  const start = startMessage(writer, {
    type: (SUBSYSTEM << 8) | request.type,
    flags: MESSAGE_FLAG.request | MESSAGE_FLAG.acknowledge | request.flags,
    family: request.family === undefined ? 0 : FAMILY_NUMBER[request.family],
    sequence,
  });
  write(writer);
  endMessage(writer, start);
  const answers = await inTurn(connection, () =>
    connection.socket.query(writtenBytes(writer), sequence),
  ).catch((error: unknown) => Promise.reject(toNftError(error, request.operation, request.object)));
  for (const message of readMessages(answers))
    read(readAttributes(answers, message.start, message.end), message);
}
