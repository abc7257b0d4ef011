/** What every source of objects offers: the API server and a folder of manifests look alike to the agent. */
import type { ObjectChange, ObjectKind, Problem } from './objects.ts';

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
  /** Kinds that Weir uses and the API server does not give, and why; absent where that can't happen. */
  readonly missingKinds?: Readonly<Record<string, string>>;
}

/** A state of an object, as the answer to whoever wrote it names it. */
export interface ObjectVersion {
  readonly kind: ObjectKind;
  /** `''` for cluster-scoped kinds. */
  readonly namespace: string;
  readonly name: string;
  /** null: the object is gone. */
  readonly resourceVersion: string | null;
}

export interface Source {
  /** Delivers batches to the listener, in order; resolves once the first one was delivered. */
  start(listener: (batch: SourceBatch) => void): Promise<void>;
  /** Looks again now; resolves after a batch with all that was different was delivered (none if nothing was). */
  rescan(): Promise<void>;
  /**
   * Resolves once these states, or later ones, were delivered, without looking again: they have to come by themselves.
   * Absent where objects have no versions; rejects when stopped before.
   */
  reach?(versions: readonly ObjectVersion[]): Promise<void>;
  state(): SourceState;
  stop(): Promise<void>;
}
