/** What a policy backend offers whose programs translate Service addresses themselves: a place for the rows of Services. */
import type { Address } from '../model/address.ts';
import type { Rows, RowsChange, ServiceId } from '../model/rows.ts';

export interface ServiceTablesChange {
  readonly rows?: RowsChange;
  /** All of them, in any order. */
  readonly ownAddresses?: readonly Address[];
}

/** What one transaction did. */
export interface ServiceTablesReport {
  /** Entries written and deleted. */
  readonly written: number;
  /** Those that found no room: they stay as they were, and are tried again with every change. */
  readonly unprogrammed: readonly ServiceId[];
}

export interface ServiceTables {
  /** Makes the tables hold exactly these rows, writing only the difference. `ownAddresses`: of this node's interfaces. */
  sync(rows: Rows, ownAddresses: readonly Address[]): Promise<ServiceTablesReport>;
  /** Applies a change; after a rejection, the next call reads everything back. */
  apply(change: ServiceTablesChange): Promise<ServiceTablesReport>;
  /** Reads everything back and restores what differs. */
  repair(): Promise<ServiceTablesReport>;
  /** Removes what only look-ups from before the last change can meet; to be called a moment after it. */
  collect(): Promise<unknown>;
}
