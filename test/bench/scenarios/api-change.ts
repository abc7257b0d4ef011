/** One endpoint changes at the API server: until the kernel has committed it, among many Services. */
import { withApiCluster } from '../api/cluster.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { percentile } from '../statistics.ts';

const PER_SECOND = 25;

export const API_CHANGE: Scenario = {
  name: 'api-change',
  about: 'one endpoint changes at an API server of many Services × 10 endpoints: kernel committed',
  needsApiServer: true,
  async run(context) {
    const services = context.quick ? 1_000 : 10_000;
    const changes = context.quick ? 100 : 500;
    return await withApiCluster({ services, endpoints: 10, target: null }, context, async (cluster) => {
      const follower = cluster.startFollower();
      await follower.start('in-cluster', 'kernel');
      const rounds: (readonly number[])[] = [];
      // The first round warms up.
      for (let round = 0; round <= (context.rounds ?? 3); round++) {
        const latencies = await follower.latencies(await cluster.change(changes, PER_SECOND));
        if (round > 0) rounds.push(latencies);
        context.progress(
          `round ${round}: p50 ${percentile(latencies, 0.5).toFixed(1)} ms, p99 ${percentile(latencies, 0.99).toFixed(1)} ms`,
        );
      }
      return [0.5, 0.99].map((share): Series => {
        const variant = `${services} Services`;
        const values = rounds.map((latencies) => percentile(latencies, share));
        const metric = `server’s reply to kernel, p${share * 100}`;
        return { scenario: 'api-change', variant, baseline: variant, metric, unit: 'ms', values };
      });
    });
  },
};
