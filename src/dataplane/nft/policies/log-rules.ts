/** Rules that log packets, from which verdicts are read. */
import type { DropReason } from '../../../generated/policy.ts';
import { expr } from '../../../kernel/native.ts';
import type { Direction } from '../../../model/policy-rows.ts';
import type { PolicyVerdict } from '../../policy-backend.ts';
import type { Rule } from '../chains/matching.ts';
import { noteDialled } from './dialled.ts';
import { LOGGED_BYTES } from './layout.ts';

/** Verdicts a second that one chain logs at most. */
const LOGGED_PER_SECOND = 1000;

/** What a rule's log says; its prefix has these words, as the reader takes them. */
export interface LoggedVerdict {
  readonly kind: PolicyVerdict['kind'];
  readonly reason: DropReason;
  readonly direction: Direction;
}

/** Rules that log packets that match; `logGroup` null: none. Only who sends has dialled. */
export function tell(
  { logGroup }: { readonly logGroup: number | null },
  { kind, reason, direction }: LoggedVerdict,
  match: Rule,
): readonly Rule[] {
  if (logGroup === null) return [];
  const rate = [expr.limit({ rate: LOGGED_PER_SECOND, unit: 'second', burst: LOGGED_PER_SECOND })];
  const log = expr.log({ group: logGroup, prefix: `${kind} ${reason} ${direction}`, snaplen: LOGGED_BYTES });
  return [...(direction === 'egress' ? noteDialled(match, rate) : []), [...match, ...rate, log]];
}
