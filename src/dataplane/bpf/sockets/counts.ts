/** Counts of open connections, which the programs keep: true whatever became of the programs before. */
import { TABLES } from '../../../generated/policy.ts';
import { openTable } from '../../../kernel/bpf-table.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';

export interface Counts {
  /** Before the programs are attached where none were: counts what is open, since nobody saw what ended. */
  beginAnew(): Promise<void>;
  /** Once they are attached: counts what programs of another build counted in tables of their own. */
  takeOver(): Promise<void>;
}

/** Maps and programs by their names in the object. */
export type CountingParts = Readonly<
  Record<'backend_states' | 'connected_peers' | 'count_all' | 'count_others', Descriptor>
>;

/** What it returns rejects with the kernel's Error. */
export function createCounts(parts: CountingParts): Counts {
  const states = openTable(parts.backend_states, TABLES.backend_states);
  const count = (program: 'count_all' | 'count_others') =>
    nativeAddon().runIteratorOnMap(parts[program], parts.connected_peers);
  let isOurs = false;
  return {
    async beginAnew() {
      for await (const batch of states.batches()) await states.delete(batch.map(([number]) => number));
      await count('count_all');
    },
    async takeOver() {
      if (!isOurs) await count('count_others');
      isOurs = true;
    },
  };
}
