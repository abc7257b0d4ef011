/** A connection to nftables of one network namespace. */
import type { Family, SetElement, Transaction } from './commands.ts';
import { type Connection, inTurn } from './connection.ts';
import type { BytesEncoding } from './elements.ts';
import { NftError, toNftError } from './errors.ts';
import { generation, listChains, listElements, listRules, listSets, listTables } from './listing.ts';
import { createEventAssembler, LOST_EVENT, type MonitorEvent } from './monitor-events.ts';
import { nativeAddon } from './native-addon.ts';
import { refusalError } from './refusal.ts';
import type { ListedChain, ListedRule, ListedSet, ListedTable } from './ruleset.ts';
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
