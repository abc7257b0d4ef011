/** What tells one of our tables from another to those parts that write, read and compare tables. */
import type { SetSpec } from '../../kernel/native.ts';
import type { Chain } from './chains/chain.ts';

export const TABLE_FAMILY = 'inet';

export interface TableLayout<Name extends string> {
  /** In the family `inet`. */
  readonly table: string;
  readonly sets: ReadonlyMap<Name, SetSpec>;
  /** Sets whose elements the kernel writes: they are read, never compared. */
  readonly kernelWritten: ReadonlySet<Name>;
  /** The chain of this name where it is a row, made by its first user and removed with the last; undefined for others. */
  readonly chainRow: (name: string) => Chain | undefined;
}
