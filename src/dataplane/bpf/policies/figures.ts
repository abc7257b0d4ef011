/** What the policy programs counted, as totals over all CPUs. */
import { hrtime } from 'node:process';
import { DROP_REASON_WORDS, TALLY_WORDS, type Tally } from '../../../generated/policy.ts';
import type { RuleName } from '../../../model/policy-rows.ts';
import type { PolicyFigures, RuleFigure } from '../../policy-backend.ts';
import type { PolicyDataplane } from './dataplane.ts';
import { REVISION_KEY } from './installed.ts';
import type { PolicyTables } from './tables.ts';

/** Reads all counters; `flows`: how many flows the last sweep left. */
export async function readFigures(
  tables: PolicyTables,
  dataplane: Pick<PolicyDataplane, 'contentOf'>,
  flows: number,
): Promise<Omit<PolicyFigures, 'repairs' | 'upgrade' | 'passages'>> {
  const [revision = 0, drops, tallies, hits, capacities] = await Promise.all([
    tables.revision.get(REVISION_KEY),
    tables.dropCounts.entries(),
    tables.tallies.entries(),
    tables.ruleHits.entries(),
    readCapacities(tables),
  ]);
  const dropped = new Map(drops);
  const tallied = new Map(tallies);
  return {
    revision,
    flows,
    capacities,
    drops: DROP_REASON_WORDS.flatMap((reason, number) => {
      const counts = dropped.get(number) ?? [];
      const sumOf = (direction: 0 | 1) => sum(counts.map(({ packets }) => packets[direction]));
      return reason === 'none' ? [] : [{ reason, ingress: sumOf(0), egress: sumOf(1) }];
    }),
    tallies: Object.fromEntries(
      TALLY_WORDS.map((word, number) => [word, sum((tallied.get(number) ?? []).map(({ count }) => count))]),
    ) as Record<Tally, number>,
    rules: hits.flatMap(([number, counts]): RuleFigure[] => {
      const rule = dataplane.contentOf('rule', number);
      if (rule === undefined) return [];
      const last = Math.max(...counts.map(({ lastHit }) => lastHit));
      return [
        { rule: rule as RuleName, hits: sum(counts.map((count) => count.hits)), lastHitMs: wallMs(last) },
      ];
    }),
  };
}

/** Milliseconds since the epoch of a time that the programs wrote. */
export function wallMs(monotonicNs: number): number {
  return Date.now() - (Number(hrtime.bigint()) - monotonicNs) / 1e6;
}

async function readCapacities({ subjects, peers, ports, flows }: PolicyTables) {
  const [ofSubjects, ofPeers, ofVerdicts, ofFlows] = await Promise.all(
    [subjects, peers, ports, flows].map((table) => table.capacity()),
  );
  return { subjects: ofSubjects ?? 0, peers: ofPeers ?? 0, verdicts: ofVerdicts ?? 0, flows: ofFlows ?? 0 };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
