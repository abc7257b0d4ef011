/** Prefixes inside one another as ranges side by side, each with the value of the longest prefix that contains it. */
import { FAMILIES, type Family, familyOf, type Prefix } from '../../../model/address.ts';
import { following, prefixRange } from '../element.ts';

export interface BlockRange<Value> {
  readonly family: Family;
  /** Keys as in Element: the first of the range, and the first behind it (empty: the range ends with the last). */
  readonly key: string;
  readonly behind: string;
  readonly value: Value;
}

interface Block<Value> {
  readonly first: string;
  readonly behind: string;
  readonly value: Value | null;
}

/** Touching ranges of one value are joined; where the value is null there is no range. */
export function blockRanges<Value>(blocks: ReadonlyMap<Prefix, Value | null>): readonly BlockRange<Value>[] {
  return FAMILIES.flatMap((family) => {
    const sorted = [...blocks]
      .filter(([prefix]) => familyOf(prefix) === family)
      .map(([prefix, value]): Block<Value> => {
        const { first, last } = prefixRange(prefix);
        return { first, behind: following(last), value };
      });
    // The outer one first.
    sorted.sort((a, b) =>
      a.first === b.first ? compareEnds(b.behind, a.behind) : a.first < b.first ? -1 : 1,
    );
    return sideBySide(sorted).map((range) => ({ family, ...range }));
  });
}

function sideBySide<Value>(sorted: readonly Block<Value>[]) {
  const ranges: { key: string; behind: string; value: Value }[] = [];
  const open: Block<Value>[] = [];
  let at = '';
  const emit = (behind: string, value: Value | null) => {
    const last = ranges.at(-1);
    if (value !== null && at !== behind) {
      if (last !== undefined && last.behind === at && last.value === value) last.behind = behind;
      else ranges.push({ key: at, behind, value });
    }
    at = behind;
  };
  /** Ends what no block from `first` on is inside of; without `first`, everything. */
  const close = (first?: string) => {
    for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
      if (first !== undefined && compareEnds(top.behind, first) > 0) return;
      // Behind the last address there is nothing.
      if (ranges.at(-1)?.behind !== '') emit(top.behind, top.value);
      open.pop();
    }
  };
  for (const block of sorted) {
    close(block.first);
    const around = open.at(-1);
    if (around !== undefined) emit(block.first, around.value);
    at = block.first;
    open.push(block);
  }
  close();
  return ranges;
}

/** The empty end is behind all others. */
function compareEnds(a: string, b: string): number {
  if (a === b) return 0;
  if (a === '' || b === '') return a === '' ? 1 : -1;
  return a < b ? -1 : 1;
}
