/** What every backend of the dataplane offers the agent. */
import type { Rows, RowsChange } from '../model/rows.ts';

/** What one application of rows did to the kernel. */
export interface ApplyReport {
  readonly elementsAdded: number;
  readonly elementsRemoved: number;
  readonly chainsAdded: number;
  readonly chainsRemoved: number;
  /** Netlink messages' bytes of the transaction; 0: nothing had to change and nothing was sent. */
  readonly bytes: number;
  /** Wall time from diff to the kernel's acknowledgement, milliseconds. */
  readonly durationMs: number;
  /** Conntrack entries deleted since the last report because they pinned a client to something that is gone (A60, A61). */
  readonly conntrackDeleted: number;
}

/** Of an application that had nothing to do. */
export const NOTHING_DONE: ApplyReport = {
  elementsAdded: 0,
  elementsRemoved: 0,
  chainsAdded: 0,
  chainsRemoved: 0,
  bytes: 0,
  durationMs: 0,
  conntrackDeleted: 0,
};

export interface MissingFeature {
  readonly feature: string;
  /** For a person. */
  readonly why: string;
}

export interface DataplaneStatus {
  /** `none`: Services are somebody else's. */
  readonly backend: 'nft' | 'none';
  /** Version of the chains' skeleton. */
  readonly skeleton: number;
  readonly sets: readonly { readonly name: string; readonly elements: number }[];
  readonly chains: number;
  /** Times that a third party's change was found and undone. */
  readonly repairs: number;
  /** Times that everything was read back. */
  readonly readings: number;
  /** What this kernel can't do for Services. */
  readonly missing: readonly MissingFeature[];
}

export interface Dataplane {
  /** Makes the kernel hold exactly these rows, writing only the difference from what is there. */
  sync(rows: Rows): Promise<ApplyReport>;
  /**
   * Applies a change to rows that `sync` installed; one atomic batch. Rejects with a DataplaneError and changes nothing on failure;
   * with the code TOO_LARGE where it would write and remove more than `mostElements` elements (default: any number).
   */
  apply(change: RowsChange, mostElements?: number): Promise<ApplyReport>;
  /** Calls back when another process changed our table; then `repair` is due. */
  onForeignChange(listener: () => void): void;
  /** Reads everything back and restores what differs; reports what it wrote. */
  repair(): Promise<ApplyReport>;
  /** Resolves when what follows a change beside its rows (stale conntrack entries) is done as well. */
  settled(): Promise<void>;
  status(): DataplaneStatus;
  /** Ends sockets and timers; what is in the kernel stays. */
  close(): Promise<void>;
}

/** Code of a DataplaneError: the change is to come in parts. */
export const TOO_LARGE = 'TOO_LARGE';

/** The kernel refused: which call, on what, why. */
export class DataplaneError extends Error {
  readonly code: string;
  readonly object: string;
  constructor(message: string, options: { code: string; object: string; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'DataplaneError';
    this.code = options.code;
    this.object = options.object;
  }
}
