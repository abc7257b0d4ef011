/** A connection to nftables of one network namespace. */
import type { Family, SetElement, Transaction } from './commands.ts';
import { type BytesEncoding, readElements } from './elements.ts';
import { NftError, toNftError } from './errors.ts';
import { createEventAssembler, LOST_EVENT, type MonitorEvent } from './monitor-events.ts';
import { type NativeSocket, nativeAddon } from './native-addon.ts';
import {
  CHAIN,
  ELEMENT_LIST,
  FAMILY_NUMBER,
  GENERATION,
  MESSAGE,
  MESSAGE_FLAG,
  RULE,
  SET,
  SUBSYSTEM,
} from './netlink-constants.ts';
import {
  type Attributes,
  type Message,
  numberOf,
  readAttributes,
  readMessages,
  textOf,
} from './netlink-reader.ts';
import {
  createWriter,
  endMessage,
  putText,
  startMessage,
  type Writer,
  writtenBytes,
} from './netlink-writer.ts';
import { refusalError } from './refusal.ts';
import {
  chainOf,
  familyOf,
  type ListedChain,
  type ListedRule,
  type ListedSet,
  type ListedTable,
  ruleOf,
  setOf,
  tableOf,
} from './ruleset.ts';
import { encodeTransaction } from './transaction-encoding.ts';

export interface Nftables {
  /**
   * Applies a transaction, all of it or nothing. With `generation` it fails with ERESTART if anybody changed the
   * ruleset since. Rejects with NftError that names the first command (and element) refused; RangeError for what
   * cannot be written. Resolves to the size of the batch in bytes.
   */
  commit(
    transaction: Transaction,
    options?: { readonly generation?: number },
  ): Promise<{ readonly bytes: number }>;
  /** The tables of all families. */
  listTables(): Promise<readonly ListedTable[]>;
  /** The chains of a table; none if there is no such table. */
  listChains(family: Family, table: string): Promise<readonly ListedChain[]>;
  /** The rules of a table or of one chain, in their order; none if there is no such table or chain. */
  listRules(family: Family, table: string, chain?: string): Promise<readonly ListedRule[]>;
  /** The sets and maps of a table; none if there is no such table. */
  listSets(family: Family, table: string): Promise<readonly ListedSet[]>;
  /** The elements of a set, in no order. `bytes` (the default) are views into the answer, `binary` are strings. */
  listElements(
    family: Family,
    table: string,
    set: string,
    options?: { readonly encoding?: BytesEncoding },
  ): Promise<SetElement[]>;
  /** The ruleset's generation, which counts commits. */
  generation(): Promise<number>;
  /** Calls back for every commit by anybody from now on. Keeps the process running until closed. */
  monitor(listener: (event: MonitorEvent) => void): { close(): void };
  /** Runs commands in nft's language through libnftables; resolves to what they print. */
  runText(text: string, options?: { readonly json?: boolean }): Promise<string>;
  /** Closes the connection after what was asked before; monitors go on until they are closed. */
  close(): Promise<void>;
}

const EINVAL = 22;

interface Connection {
  readonly socket: NativeSocket;
  readonly netns: string | undefined;
  sequence: number;
  /** Settles when all requests so far are done: they go to the kernel in the order of the calls. */
  queue: Promise<unknown>;
}

/**
 * Opens a netlink socket, in the network namespace at the path `netns` if given. Rejects with NftError if the
 * namespace or the socket cannot be opened. Changing anything needs CAP_NET_ADMIN.
 */
export async function openNftables(options: { readonly netns?: string } = {}): Promise<Nftables> {
  const { netns } = options;
  const where = netns ?? 'this network namespace';
  const socket = await nativeAddon()
    .openSocket(netns)
    .catch((error: unknown) => Promise.reject(toNftError(error, 'open', where)));
  const connection: Connection = { socket, netns, sequence: 1, queue: Promise.resolve() };
  return {
    commit: (transaction, commitOptions) => commit(connection, transaction, commitOptions?.generation),
    listTables: () => listTables(connection),
    listChains: (family, table) => listChains(connection, family, table),
    listRules: (family, table, chain) => listRules(connection, family, table, chain),
    listSets: (family, table) => listSets(connection, family, table),
    listElements: (family, table, set, listOptions) =>
      listElements(connection, family, table, set, listOptions?.encoding ?? 'bytes'),
    generation: () => generation(connection),
    monitor: (listener) => monitor(netns, listener),
    runText: (text, textOptions) =>
      inTurn(connection, () => runText(netns, text, textOptions?.json ?? false)),
    close: () => inTurn(connection, () => socket.close()),
  };
}

function inTurn<Result>(connection: Connection, work: () => Promise<Result>): Promise<Result> {
  const result = connection.queue.then(work);
  connection.queue = result.catch(() => undefined);
  return result;
}

async function commit(
  connection: Connection,
  transaction: Transaction,
  generationBefore: number | undefined,
): Promise<{ readonly bytes: number }> {
  const batch = encodeTransaction(transaction, {
    startSequence: connection.sequence,
    ...(generationBefore !== undefined && { generation: generationBefore }),
  });
  if (batch.objects.length === 0) return { bytes: 0 };
  connection.sequence = batch.nextSequence;
  const refusal = await inTurn(connection, () =>
    connection.socket.transact(batch.bytes, batch.firstSequence, batch.acknowledgedSequence),
  ).catch((error: unknown) => Promise.reject(toNftError(error, 'commit', `${transaction.length} commands`)));
  if (refusal !== undefined) throw refusalError(refusal, transaction, batch);
  return { bytes: batch.bytes.length };
}

interface Request {
  readonly operation: string;
  readonly object: string;
  readonly type: number;
  readonly flags: number;
  readonly family?: Family;
}

/** Asks the kernel and hands each answer to `read`. */
async function ask(
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

const DUMP = MESSAGE_FLAG.dump;

async function listTables(connection: Connection): Promise<readonly ListedTable[]> {
  const tables: ListedTable[] = [];
  const request = { operation: 'listTables', object: 'tables', type: MESSAGE.getTable, flags: DUMP };
  await ask(
    connection,
    request,
    () => undefined,
    (attributes, message) => {
      const family = familyOf(message);
      if (family !== undefined) tables.push(tableOf(attributes, family));
    },
  );
  return tables;
}

async function listChains(
  connection: Connection,
  family: Family,
  table: string,
): Promise<readonly ListedChain[]> {
  const chains: ListedChain[] = [];
  const object = `table ${family} ${table}`;
  await ask(
    connection,
    { operation: 'listChains', object, type: MESSAGE.getChain, flags: DUMP, family },
    (writer) => putText(writer, CHAIN.table, table),
    // Kernels filter chains by family only.
    (attributes) => {
      if (textOf(attributes, CHAIN.table) === table) chains.push(chainOf(attributes, family));
    },
  );
  return chains;
}

async function listRules(
  connection: Connection,
  family: Family,
  table: string,
  chain: string | undefined,
): Promise<readonly ListedRule[]> {
  const rules: ListedRule[] = [];
  const object = chain === undefined ? `table ${family} ${table}` : `chain ${family} ${table} ${chain}`;
  await ask(
    connection,
    { operation: 'listRules', object, type: MESSAGE.getRule, flags: DUMP, family },
    (writer) => {
      putText(writer, RULE.table, table);
      if (chain !== undefined) putText(writer, RULE.chain, chain);
    },
    (attributes) => rules.push(ruleOf(attributes, family)),
  );
  return rules;
}

async function listSets(
  connection: Connection,
  family: Family,
  table: string,
): Promise<readonly ListedSet[]> {
  const sets: ListedSet[] = [];
  await ask(
    connection,
    { operation: 'listSets', object: `table ${family} ${table}`, type: MESSAGE.getSet, flags: DUMP, family },
    (writer) => putText(writer, SET.table, table),
    (attributes) => sets.push(setOf(attributes)),
  );
  return sets;
}

async function listElements(
  connection: Connection,
  family: Family,
  table: string,
  set: string,
  encoding: BytesEncoding,
): Promise<SetElement[]> {
  const elements: SetElement[] = [];
  const object = `set ${family} ${table} ${set}`;
  await ask(
    connection,
    { operation: 'listElements', object, type: MESSAGE.getElement, flags: DUMP, family },
    (writer) => {
      putText(writer, ELEMENT_LIST.table, table);
      putText(writer, ELEMENT_LIST.set, set);
    },
    (attributes) => readElements(attributes, encoding, elements),
  );
  return elements;
}

async function generation(connection: Connection): Promise<number> {
  let current = 0;
  await ask(
    connection,
    { operation: 'generation', object: 'ruleset', type: MESSAGE.getGeneration, flags: 0 },
    () => undefined,
    (attributes) => {
      current = numberOf(attributes, GENERATION.id) ?? 0;
    },
  );
  return current;
}

function monitor(netns: string | undefined, listener: (event: MonitorEvent) => void): { close(): void } {
  const assemble = createEventAssembler((portId) => nativeAddon().ownsPort(portId));
  let open = true;
  const emit = (event: MonitorEvent) => {
    if (open) listener(event);
  };
  try {
    const stop = nativeAddon().openMonitor(netns, (bytes) => {
      if (bytes === undefined) emit(LOST_EVENT);
      else for (const event of assemble(bytes)) emit(event);
    });
    return {
      close() {
        open = false;
        stop();
      },
    };
  } catch (error) {
    throw toNftError(error, 'monitor', netns ?? 'this network namespace');
  }
}

async function runText(netns: string | undefined, text: string, json: boolean): Promise<string> {
  const result = await nativeAddon()
    .runText(netns, text, json)
    .catch((error: unknown) => Promise.reject(toNftError(error, 'runText', 'libnftables')));
  if (result.succeeded) return result.output;
  const [object = ''] = text.trim().split('\n', 1);
  throw new NftError({ errno: EINVAL, operation: 'runText', object, explanation: result.error.trim() });
}
