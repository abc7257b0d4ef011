/** A thousand changes a second for a while: how far an agent falls behind, and what it costs it. */
import { withApiCluster } from '../api/cluster.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { percentile } from '../statistics.ts';

const PER_SECOND = 1_000;

interface Load {
  /** What the server took; it may manage less than it was asked. */
  readonly perSecond: number;
  readonly lagsMs: readonly number[];
  /** Of one CPU. */
  readonly cpuShare: number;
  readonly peakRssMb: number;
}

export const API_RATE: Scenario = {
  name: 'api-rate',
  about: 'a thousand endpoints a second change at an API server of many Services × 10 endpoints',
  needsApiServer: true,
  async run(context) {
    const services = context.quick ? 1_000 : 10_000;
    const seconds = context.quick ? 3 : 10;
    return await withApiCluster({ services, endpoints: 10, target: null }, context, async (cluster) => {
      const follower = cluster.startFollower();
      await follower.start('in-cluster', 'kernel');
      const loads: Load[] = [];
      for (let round = 0; round < (context.rounds ?? 3); round++) {
        await follower.cost();
        const changes = await cluster.change(seconds * PER_SECOND, PER_SECOND);
        const lagsMs = await follower.latencies(changes);
        const { cpuMs, wallMs, peakRssMb } = await follower.cost();
        const tookMs = Math.max(...changes.repliedAtMs) - Math.min(...changes.repliedAtMs);
        const perSecond = (changes.repliedAtMs.length / tookMs) * 1_000;
        loads.push({ perSecond, lagsMs, cpuShare: cpuMs / wallMs, peakRssMb });
        context.progress(
          `${Math.round(perSecond)} a second, lag p99 ${percentile(lagsMs, 0.99).toFixed(1)} ms`,
        );
      }
      return seriesOf(`${services} Services`, loads);
    });
  },
};

function seriesOf(variant: string, loads: readonly Load[]): Series[] {
  const common = { scenario: 'api-rate', variant, baseline: variant };
  const lag = (share: number) => loads.map(({ lagsMs }) => percentile(lagsMs, share));
  return [
    {
      ...common,
      metric: 'changes the server took',
      unit: '1/s',
      values: loads.map(({ perSecond }) => perSecond),
    },
    { ...common, metric: 'lag, p50', unit: 'ms', values: lag(0.5) },
    { ...common, metric: 'lag, p99', unit: 'ms', values: lag(0.99) },
    { ...common, metric: 'CPU', unit: '% of one', values: loads.map(({ cpuShare }) => cpuShare * 100) },
    { ...common, metric: 'peak memory', unit: 'MB', values: loads.map(({ peakRssMb }) => peakRssMb) },
  ];
}
