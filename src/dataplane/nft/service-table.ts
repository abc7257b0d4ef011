/** The table of Services, `inet weir`. */
import { chainRow } from './chains/pick.ts';
import { KERNEL_WRITTEN, SETS, type SetName, TABLE } from './layout.ts';
import type { TableLayout } from './table-layout.ts';

export const SERVICE_TABLE: TableLayout<SetName> = {
  table: TABLE,
  sets: SETS,
  kernelWritten: KERNEL_WRITTEN,
  chainRow,
};
