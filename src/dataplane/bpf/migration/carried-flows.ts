/** Flows that were carried over count for their pods' shares of the table. */
import { TABLES } from '../../../generated/policy.ts';
import { openTable } from '../../../kernel/bpf-table.ts';
import type { CarriedEntries, LaidOutMap } from './carry.ts';

/** `entries`: what was written to the table of flows, which programs use already. Rejects with the kernel's Error. */
export async function countCarriedFlows(entries: CarriedEntries, usages: LaidOutMap): Promise<void> {
  const added = new Map<number, number>();
  const view = new DataView(entries.keys.buffer, entries.keys.byteOffset, entries.keys.byteLength);
  for (let index = 0; index < entries.added; index++) {
    const key = TABLES.flows.key.read(view, index * entries.keySize);
    added.set(key.interface, (added.get(key.interface) ?? 0) + 1);
  }
  const table = openTable(usages.map, TABLES.usages);
  for (const [index, flows] of added) {
    const usage = await table.get(index);
    if (usage !== undefined) await table.set([[index, { flows: usage.flows + flows }]]);
  }
}
