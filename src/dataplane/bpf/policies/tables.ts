/** The tables of the policy programs, as they are loaded or pinned. */
import { type Peer, type PeerKey, TABLES } from '../../../generated/policy.ts';
import { openCounterTable, openTable, type Table } from '../../../kernel/bpf-table.ts';
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
    peers: addressesAndPrefixes(
      openTable(map('peer_addresses'), TABLES.peer_addresses),
      openTable(map('peer_prefixes'), TABLES.peer_prefixes),
    ),
    groups: openTable(map('verdict_groups'), TABLES.verdict_groups),
    ports: openTable(map('port_verdicts'), TABLES.port_verdicts),
    revision: openTable(map('revision'), TABLES.revision),
    names: openTable(map('names'), TABLES.names),
    flows: openTable(map('flows'), TABLES.flows),
    usages: openTable(map('usages'), TABLES.usages),
    dropCounts: openCounterTable(map('drop_counts'), TABLES.drop_counts),
    tallies: openCounterTable(map('tallies'), TABLES.tallies),
    ruleHits: openCounterTable(map('rule_hits'), TABLES.rule_hits),
  };
}

const ADDRESS_BITS = 128;

/** One table of prefixes for those who write; single addresses stand in a hash table, where they are found at once. */
function addressesAndPrefixes(
  addresses: Table<Uint8Array, Peer>,
  prefixes: Table<PeerKey, Peer>,
): Table<PeerKey, Peer> {
  const isAddress = ({ prefixLength }: PeerKey) => prefixLength === ADDRESS_BITS;
  const keyOf = (address: Uint8Array): PeerKey => ({ prefixLength: ADDRESS_BITS, address });
  return {
    async set(entries) {
      const single = entries.filter(([key]) => isAddress(key));
      await addresses.set(single.map(([{ address }, peer]) => [address, peer] as const));
      await prefixes.set(entries.filter(([key]) => !isAddress(key)));
    },
    async delete(keys) {
      const single = keys.filter(isAddress).map(({ address }) => address);
      return (
        (await addresses.delete(single)) + (await prefixes.delete(keys.filter((key) => !isAddress(key))))
      );
    },
    get: (key) => (isAddress(key) ? addresses.get(key.address) : prefixes.get(key)),
    async entries() {
      const single = await addresses.entries();
      return [
        ...single.map(([address, peer]) => [keyOf(address), peer] as const),
        ...(await prefixes.entries()),
      ];
    },
    async *batches() {
      for await (const batch of addresses.batches())
        yield batch.map(([address, peer]) => [keyOf(address), peer] as const);
      yield* prefixes.batches();
    },
    capacity: async () => (await addresses.capacity()) + (await prefixes.capacity()),
  };
}
