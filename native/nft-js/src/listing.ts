/** Listing what is in the kernel. */
import type { Family, SetElement } from './commands.ts';
import { ask, type Connection } from './connection.ts';
import { type BytesEncoding, readElements } from './elements.ts';
import { NftError } from './errors.ts';
import { CHAIN, ELEMENT_LIST, GENERATION, MESSAGE, MESSAGE_FLAG, RULE, SET } from './netlink-constants.ts';
import { numberOf, textOf } from './netlink-reader.ts';
import { putText } from './netlink-writer.ts';
import {
  chainOf,
  familyOf,
  type ListedChain,
  type ListedRule,
  type ListedSet,
  type ListedTable,
  ruleOf,
  setOf,
  tableOf,
} from './ruleset.ts';

const DUMP = MESSAGE_FLAG.dump;

/** See Nftables.listTables. */
export async function listTables(connection: Connection): Promise<readonly ListedTable[]> {
  const tables: ListedTable[] = [];
  const request = { operation: 'listTables', object: 'tables', type: MESSAGE.getTable, flags: DUMP };
  await ask(
    connection,
    request,
    () => undefined,
    (attributes, message) => {
      const family = familyOf(message);
      if (family !== undefined) tables.push(tableOf(attributes, family));
    },
  );
  return tables;
}

/** See Nftables.listChains. */
export async function listChains(
  connection: Connection,
  family: Family,
  table: string,
): Promise<readonly ListedChain[]> {
  const chains: ListedChain[] = [];
  const object = `table ${family} ${table}`;
  await ask(
    connection,
    { operation: 'listChains', object, type: MESSAGE.getChain, flags: DUMP, family },
    (writer) => putText(writer, CHAIN.table, table),
    // Kernels filter chains by family only.
    (attributes) => {
      if (textOf(attributes, CHAIN.table) === table) chains.push(chainOf(attributes, family));
    },
  );
  return chains;
}

/** See Nftables.listRules. */
export async function listRules(
  connection: Connection,
  family: Family,
  table: string,
  chain: string | undefined,
): Promise<readonly ListedRule[]> {
  const rules: ListedRule[] = [];
  const object = chain === undefined ? `table ${family} ${table}` : `chain ${family} ${table} ${chain}`;
  await ask(
    connection,
    { operation: 'listRules', object, type: MESSAGE.getRule, flags: DUMP, family },
    (writer) => {
      putText(writer, RULE.table, table);
      if (chain !== undefined) putText(writer, RULE.chain, chain);
    },
    (attributes) => rules.push(ruleOf(attributes, family)),
  );
  return rules;
}

/** See Nftables.listSets. */
export async function listSets(
  connection: Connection,
  family: Family,
  table: string,
): Promise<readonly ListedSet[]> {
  const sets: ListedSet[] = [];
  await ask(
    connection,
    { operation: 'listSets', object: `table ${family} ${table}`, type: MESSAGE.getSet, flags: DUMP, family },
    (writer) => putText(writer, SET.table, table),
    (attributes) => sets.push(setOf(attributes)),
  ).catch((error: unknown) => {
    // Kernels look the table up for sets only; for chains and rules a missing one has none.
    if (!(error instanceof NftError) || error.code !== 'ENOENT') throw error;
  });
  return sets;
}

/** See Nftables.listElements. */
export async function listElements(
  connection: Connection,
  family: Family,
  table: string,
  set: string,
  encoding: BytesEncoding,
): Promise<SetElement[]> {
  const elements: SetElement[] = [];
  const object = `set ${family} ${table} ${set}`;
  await ask(
    connection,
    { operation: 'listElements', object, type: MESSAGE.getElement, flags: DUMP, family },
    (writer) => {
      putText(writer, ELEMENT_LIST.table, table);
      putText(writer, ELEMENT_LIST.set, set);
    },
    (attributes) => readElements(attributes, encoding, elements),
  );
  return elements;
}

/** See Nftables.generation. */
export async function generation(connection: Connection): Promise<number> {
  let current = 0;
  await ask(
    connection,
    { operation: 'generation', object: 'ruleset', type: MESSAGE.getGeneration, flags: 0 },
    () => undefined,
    (attributes) => {
      current = numberOf(attributes, GENERATION.id) ?? 0;
    },
  );
  return current;
}
