/** A namespace's network without gaps: what is there, then everything that changes, whatever the kernel had to drop. */
import {
  type HostRoute,
  listHostRoutes,
  listInterfaces,
  listNeighbourAddresses,
  type NeighbourAddress,
  type NetworkChange,
  type NetworkInterface,
  type NetworkPlace,
  watchNetwork,
} from './network.ts';

/** Everything there is; the addresses are those in the namespaces at the other ends of veths. */
export interface NetworkSnapshot {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly HostRoute[];
  readonly addresses: readonly NeighbourAddress[];
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
 * Reads and follows; returns what ends it. A veth into a namespace that was not known has that namespace's addresses read.
 * What changes during a reading is told after it.
 */
export function streamNetwork(options: NetworkStreamOptions): () => void {
  const { onSnapshot, onChanges, onError } = options;
  const known = new Set<number>();
  let waiting: NetworkChange[] = [];
  let lost = true;
  let busy = false;
  let retry: NodeJS.Timeout | undefined;
  let stop = () => {};
  let closed = false;

  const readAll = async () => {
    // Another watch, since changes from before a gap, taken in after the snapshot, would undo what is in it.
    stop();
    stop = watchNetwork((changes) => {
      if (changes === null) lost = true;
      else waiting.push(...changes);
      void work();
    }, options);
    waiting = [];
    known.clear();
    lost = false;
    const interfaces = await listInterfaces(options);
    const routes = await listHostRoutes(options);
    const addresses = await readNamespaces(newNamespaces(interfaces, known), options);
    if (!closed) onSnapshot({ interfaces, routes, addresses });
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
  const work = async () => {
    if (busy || retry !== undefined) return;
    busy = true;
    try {
      // Without a namespace to read, changes are passed on before the first await: at once.
      while (!closed && (lost || waiting.length > 0)) await (lost ? readAll() : pass());
    } catch (error) {
      if (closed) return;
      lost = true;
      onError(error);
      retry = setTimeout(() => {
        retry = undefined;
        void work();
      }, RETRY_MS).unref();
    } finally {
      busy = false;
    }
  };
  void work();
  return () => {
    closed = true;
    clearTimeout(retry);
    stop();
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
