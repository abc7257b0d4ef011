/** The tables of the policy programs, as they are loaded or pinned. */
import { TABLES } from '../../../generated/policy.ts';
import { openCounterTable, openTable } from '../../../kernel/bpf-table.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';

export type PolicyTables = ReturnType<typeof openPolicyTables>;

/** `maps` by name, as `loadBpfObject` gives them. Throws an Error when one is missing. */
export function openPolicyTables(maps: Readonly<Record<string, Descriptor>>) {
  const map = (name: keyof typeof TABLES) => {
    const found = maps[name];
    if (found === undefined) throw new Error(`the policy programs have no map ${name}`);
    return found;
  };
  return {
    subjects: openTable(map('subjects'), TABLES.subjects),
    peers: openTable(map('peers'), TABLES.peers),
    verdicts: openTable(map('verdicts'), TABLES.verdicts),
    revision: openTable(map('revision'), TABLES.revision),
    names: openTable(map('names'), TABLES.names),
    flows: openTable(map('flows'), TABLES.flows),
    usages: openTable(map('usages'), TABLES.usages),
    dropCounts: openCounterTable(map('drop_counts'), TABLES.drop_counts),
    tallies: openCounterTable(map('tallies'), TABLES.tallies),
    ruleHits: openCounterTable(map('rule_hits'), TABLES.rule_hits),
  };
}
