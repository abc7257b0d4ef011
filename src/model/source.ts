/** What every source of objects offers: the API server and a folder of manifests look alike to the agent. */
import type { ObjectChange, Problem } from './objects.ts';

export interface SourceBatch {
  /** In order. The first batch holds every object there is. */
  readonly changes: readonly ObjectChange[];
  /** Every problem known now (not just the new ones): replaces those of earlier batches. */
  readonly problems: readonly Problem[];
}

export interface SourceState {
  /** Describes where objects come from: a folder, a server's URL. */
  readonly origin: string;
  readonly synced: boolean;
  readonly lastEventAtMs: number | null;
  readonly retries: number;
  /** Why it is not synced; null when it is. */
  readonly reason: string | null;
  /** Objects of kinds that Weir does not use, by kind. */
  readonly skippedKinds: Readonly<Record<string, number>>;
}

export interface Source {
  /** Delivers batches to the listener, in order; resolves once the first one was delivered. */
  start(listener: (batch: SourceBatch) => void): Promise<void>;
  /** Looks again now; resolves after a batch with all that was different was delivered (none if nothing was). */
  rescan(): Promise<void>;
  state(): SourceState;
  stop(): Promise<void>;
}
