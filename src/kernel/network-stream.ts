/** A namespace's network without gaps: what is there, then everything that changes, whatever the kernel had to drop. */
import { setImmediate } from 'node:timers/promises';
import {
  type HostRoute,
  type InterfaceAddress,
  listAddresses,
  listHostRoutes,
  listInterfaces,
  listNeighbourAddresses,
  type NeighbourAddress,
  type NetworkChange,
  type NetworkInterface,
  type NetworkPlace,
  watchNetwork,
} from './network.ts';

/** Everything there is. */
export interface NetworkSnapshot {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly HostRoute[];
  /** In the namespaces at the other ends of veths. */
  readonly addresses: readonly NeighbourAddress[];
  readonly ownAddresses: readonly InterfaceAddress[];
}

export interface NetworkStream {
  /**
   * Resolves when what the kernel told until now was passed on, the snapshot first of all; a flood may take longer. Rejects
   * with what keeps the network from being read.
   */
  settled(): Promise<void>;
  /** Begins again with a snapshot: for what the kernel did not tell. Settles, and rejects, as `settled`. */
  refresh(): Promise<void>;
  close(): void;
}

export interface NetworkStreamOptions extends NetworkPlace {
  /** First, and again whenever changes were lost. */
  readonly onSnapshot: (snapshot: NetworkSnapshot) => void;
  readonly onChanges: (changes: readonly NetworkChange[]) => void;
  /** Watching or reading failed; it is tried again a second later. */
  readonly onError: (error: unknown) => void;
}

const RETRY_MS = 1000;

/**
 * Reads and follows. A veth into a namespace that was not known has that namespace's addresses read. What changes during a
 * reading is told after it.
 */
export function streamNetwork(options: NetworkStreamOptions): NetworkStream {
  const { onSnapshot, onChanges } = options;
  const known = new Set<number>();
  let waiting: NetworkChange[] = [];
  let lost = true;
  let closed = false;
  let stop = () => {};

  const readAll = async () => {
    // Another watch, since changes from before a gap, taken in after the snapshot, would undo what is in it.
    stop();
    stop = watchNetwork((changes) => {
      if (changes === null) lost = true;
      else waiting.push(...changes);
      turns.request();
    }, options);
    waiting = [];
    known.clear();
    lost = false;
    const interfaces = await listInterfaces(options);
    const routes = await listHostRoutes(options);
    const ownAddresses = await listAddresses(options);
    const addresses = await readNamespaces(newNamespaces(interfaces, known), options);
    if (!closed) onSnapshot({ interfaces, routes, addresses, ownAddresses });
  };
  const pass = async () => {
    const changes = waiting;
    waiting = [];
    onChanges(changes);
    const namespaces = namespacesAfter(changes, known);
    if (namespaces.length === 0) return;
    const addresses = await readNamespaces(namespaces, options);
    if (!closed) onChanges(addresses.map((subject) => ({ kind: 'address', subject, gone: false })));
  };
  const turns = takeTurns({
    isWanted: () => !closed && (lost || waiting.length > 0),
    turn: () => (lost ? readAll() : pass()),
    onError(error) {
      if (closed) return;
      lost = true;
      options.onError(error);
    },
  });
  turns.request();
  return {
    settled: turns.settled,
    refresh() {
      lost = true;
      turns.request();
      return turns.settled();
    },
    close() {
      closed = true;
      turns.cancel();
      stop();
    },
  };
}

interface Turns {
  /** To be called whenever one may be wanted. */
  request(): void;
  settled(): Promise<void>;
  cancel(): void;
}

/** One turn at a time, for as long as one is wanted; after one that failed, none before `RETRY_MS`. */
function takeTurns(what: {
  readonly isWanted: () => boolean;
  /** What it does before its first await is done at once. */
  readonly turn: () => Promise<void>;
  readonly onError: (error: unknown) => void;
}): Turns {
  let running: Promise<void> | undefined;
  let failure: { readonly error: unknown; readonly retry: NodeJS.Timeout } | undefined;
  const fail = (error: unknown) => {
    const retry = setTimeout(() => {
      failure = undefined;
      request();
    }, RETRY_MS);
    failure = { error, retry: retry.unref() };
    what.onError(error);
  };
  const takeAll = async () => {
    while (what.isWanted()) await what.turn();
  };
  const request = () => {
    if (running !== undefined || failure !== undefined || !what.isWanted()) return;
    running = takeAll()
      .catch(fail)
      .finally(() => {
        running = undefined;
        request();
      });
  };
  return {
    request,
    async settled() {
      // The event loop looks at its sockets before it comes back.
      await setImmediate();
      while (running !== undefined) await running;
      if (failure !== undefined) throw failure.error;
    },
    cancel: () => clearTimeout(failure?.retry),
  };
}

async function readNamespaces(
  ids: readonly number[],
  place: NetworkPlace,
): Promise<readonly NeighbourAddress[]> {
  const lists = [];
  for (const id of ids) lists.push(await listNeighbourAddresses(id, place));
  return lists.flat();
}

/** Ids of namespaces that veths lead to and that are not known; they are from now on. */
function newNamespaces(interfaces: readonly NetworkInterface[], known: Set<number>): readonly number[] {
  const ids: number[] = [];
  for (const { kind, peer } of interfaces) {
    const id = kind === 'veth' ? peer?.namespace : null;
    if (id === null || id === undefined || known.has(id)) continue;
    known.add(id);
    ids.push(id);
  }
  return ids;
}

/** As `newNamespaces`, for changes in their order; an id that is lost may come again for another namespace. */
function namespacesAfter(changes: readonly NetworkChange[], known: Set<number>): readonly number[] {
  const ids = new Set<number>();
  for (const change of changes) {
    if (change.kind === 'namespace') {
      known.delete(change.id);
      ids.delete(change.id);
    } else if (change.kind === 'interface' && !change.gone) {
      for (const id of newNamespaces([change.subject], known)) ids.add(id);
    }
  }
  return [...ids];
}
