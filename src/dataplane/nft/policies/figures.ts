/** What the table counted: packets dropped by reason, and flows that passed. */
import { DROP_REASON_WORDS, type DropReason, TALLY_WORDS, type Tally } from '../../../generated/policy.ts';
import type { Nftables } from '../../../kernel/native.ts';
import { DIRECTIONS, type Direction } from '../../../model/policy-rows.ts';
import type { PolicyFigures } from '../../policy-backend.ts';
import { TABLE_FAMILY } from '../table-layout.ts';
import { flowChain } from './hook-chains.ts';
import { POLICY_TABLE } from './layout.ts';

export type PolicyCounts = Pick<PolicyFigures, 'drops' | 'tallies'>;

/** Packets that a table's chains dropped for one reason. Rejects with an NftError. */
export async function readDrops(
  nft: Nftables,
  table: string,
  reason: DropReason,
): Promise<Readonly<Record<Direction, number>>> {
  const packets = await readPackets(nft, table);
  const dropped = (direction: Direction) => packets.get(dropChainName(reason, direction)) ?? 0;
  return { ingress: dropped('ingress'), egress: dropped('egress') };
}

/** Counters begin at 0 when their chain is written. Rejects with an NftError. */
export async function readCounts(nft: Nftables): Promise<PolicyCounts> {
  const packets = await readPackets(nft, POLICY_TABLE.table);
  const dropped = (reason: DropReason, direction: Direction) =>
    packets.get(dropChainName(reason, direction)) ?? 0;
  const flows = (what: 'allowed' | 'audited') =>
    DIRECTIONS.reduce((sum, direction) => sum + (packets.get(flowChain(what, direction)) ?? 0), 0);
  const counted: Partial<Record<Tally, number>> = {
    allowed: flows('allowed') + flows('audited'),
    audited: flows('audited'),
  };
  return {
    drops: DROP_REASON_WORDS.filter((reason) => reason !== 'none').map((reason) => ({
      reason,
      ingress: dropped(reason, 'ingress'),
      egress: dropped(reason, 'egress'),
    })),
    tallies: Object.fromEntries(TALLY_WORDS.map((word) => [word, counted[word] ?? 0])) as Record<
      Tally,
      number
    >,
  };
}

/** By chain. */
async function readPackets(nft: Nftables, table: string): Promise<ReadonlyMap<string, number>> {
  const packets = new Map<string, number>();
  for (const { chain, expressions } of await nft.listRules(TABLE_FAMILY, table))
    for (const expression of expressions)
      if (expression.kind === 'counter') packets.set(chain, (packets.get(chain) ?? 0) + expression.packets);
  return packets;
}

function dropChainName(reason: DropReason, direction: Direction): string {
  return `drop-${reason}-${direction}`;
}
