/** The rows as they were handed out last, and the change that is being put together. */
import { type Address, compareAddresses } from '../../model/address.ts';
import { compareText } from '../../model/names.ts';
import type {
  NodeRows,
  Rows,
  RowsChange,
  ServiceAddressRow,
  ServiceId,
  ServiceRows,
} from '../../model/rows.ts';
import { sameData } from './equality.ts';

/** Rows with a change in the making: `begin`, any number of sets, `commit`. */
export interface RowStore {
  /** Starts a change; what an earlier one staged but never committed is forgotten. `afresh`: all rows that are not set again go. */
  begin(afresh: boolean): void;
  setService(id: ServiceId, rows: ServiceRows | null): void;
  setAddress(address: Address, row: ServiceAddressRow | null): void;
  setNode(rows: NodeRows): void;
  /** Makes the staged change the current state and returns it; rows that stayed the same are not in it. */
  commit(): RowsChange;
  /** A copy of all committed rows, sorted. */
  rows(): Rows;
  /** One committed row. */
  addressRow(address: Address): ServiceAddressRow | undefined;
}

/** An empty store; `node` stands until the first commit. */
export function createRowStore(node: NodeRows): RowStore {
  const services = createStagedMap<ServiceId, ServiceRows>();
  const addresses = createStagedMap<Address, ServiceAddressRow>();
  let currentNode: NodeRows | null = null;
  let stagedNode: NodeRows | null = null;
  return {
    begin(afresh) {
      services.begin(afresh);
      addresses.begin(afresh);
      stagedNode = null;
    },
    setService: (id, rows) => services.set(id, rows),
    setAddress: (address, row) => addresses.set(address, row),
    setNode(rows) {
      stagedNode = sameData(currentNode, rows) ? null : rows;
    },
    commit() {
      const change = { services: services.commit(), addresses: addresses.commit(), node: stagedNode };
      currentNode = stagedNode ?? currentNode;
      stagedNode = null;
      return change;
    },
    rows: () => ({
      services: services.sorted(compareText),
      addresses: addresses.sorted(compareAddresses),
      node: currentNode ?? node,
    }),
    addressRow: addresses.get,
  };
}

interface StagedMap<Key, Row> {
  begin(afresh: boolean): void;
  set(key: Key, row: Row | null): void;
  commit(): ReadonlyMap<Key, Row | null>;
  get(key: Key): Row | undefined;
  sorted(compare: (a: Key, b: Key) => number): ReadonlyMap<Key, Row>;
}

function createStagedMap<Key, Row>(): StagedMap<Key, Row> {
  const committed = new Map<Key, Row>();
  let staged = new Map<Key, Row | null>();
  return {
    begin(afresh) {
      staged = new Map();
      if (afresh) for (const key of committed.keys()) staged.set(key, null);
    },
    set(key, row) {
      if (sameData(committed.get(key) ?? null, row)) staged.delete(key);
      else staged.set(key, row);
    },
    commit() {
      const change = staged;
      for (const [key, row] of change) {
        if (row === null) committed.delete(key);
        else committed.set(key, row);
      }
      staged = new Map();
      return change;
    },
    get: (key) => committed.get(key),
    sorted: (compare) => new Map([...committed].sort(([a], [b]) => compare(a, b))),
  };
}
