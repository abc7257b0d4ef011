/** Which of two Services goes first where only one can have something. */
import { compareText, type ObjectName } from '../../model/names.ts';

/** What their order goes by. */
export interface Aged {
  readonly name: ObjectName;
  /** null: not known, so the youngest. */
  readonly createdAtMs: number | null;
}

/** The older first; of the same age, by name. */
export function compareAge(a: Aged, b: Aged): number {
  const [left, right] = [a.createdAtMs ?? Infinity, b.createdAtMs ?? Infinity];
  return left === right ? compareText(a.name, b.name) : left - right;
}
