/** The last verdicts that the kernel told of, with names, and whoever wants to hear the next ones. */
import type { PolicyVerdict } from '../dataplane/policy-backend.ts';
import type { ObjectName } from '../model/names.ts';
import type { RuleRow } from '../model/policy-rows.ts';

/** A verdict as `weir flows` tells it. */
export interface NamedVerdict extends Omit<PolicyVerdict, 'timeMs' | 'rule' | 'auditRule'> {
  /** ISO 8601. */
  readonly time: string;
  /** Whose interface the packet met; null: nobody's that is known. */
  readonly pod: ObjectName | null;
  /** null: no pod's address. */
  readonly peerPod: ObjectName | null;
  /** The Service whose address the pod dialled, or the peer is; null: none. */
  readonly peerService: ObjectName | null;
  readonly rule: RuleRow | null;
  readonly auditRule: RuleRow | null;
}

export interface VerdictLog {
  add(verdict: NamedVerdict): void;
  /** The last ones, oldest first. */
  past(): readonly NamedVerdict[];
  /** Calls back with every further one until the result is called. */
  follow(listener: (verdict: NamedVerdict) => void): () => void;
}

const MOST_KEPT = 1000;

export function createVerdictLog(): VerdictLog {
  const kept: NamedVerdict[] = [];
  const listeners = new Set<(verdict: NamedVerdict) => void>();
  return {
    add(verdict) {
      kept.push(verdict);
      // In steps, since taking one off the front moves all others.
      if (kept.length >= 2 * MOST_KEPT) kept.splice(0, MOST_KEPT);
      for (const listener of listeners) listener(verdict);
    },
    past: () => kept.slice(-MOST_KEPT),
    follow(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
