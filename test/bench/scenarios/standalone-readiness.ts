/** One pod becomes unready or ready in a folder's cluster: until the rows that follow from it are there. */
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { standaloneSize, startStandalone } from '../standalone-process.ts';
import { percentile } from '../statistics.ts';

export const STANDALONE_READINESS: Scenario = {
  name: 'standalone-readiness',
  about: 'one pod changes its readiness among many Services × 10 pods: pod in, rows out',
  async run(context) {
    const size = standaloneSize(context.quick);
    const namespace = createNamespace('standalone');
    const process = startStandalone(namespace);
    const rounds: (readonly number[])[] = [];
    try {
      await process.complete(size);
      // The first round warms up.
      for (let round = 0; round <= (context.rounds ?? 5); round++) {
        const latencies = await process.changeReadiness(context.quick ? 200 : 1_000);
        if (round > 0) rounds.push(latencies);
        const [p50, p99] = [0.5, 0.99].map((share) => percentile(latencies, share).toFixed(2));
        context.progress(`round ${round}: p50 ${p50} ms, p99 ${p99} ms`);
      }
    } finally {
      await process.exit();
      removeNamespaces([namespace]);
    }
    const variant = `${size.services} Services × ${size.podsPerService} pods`;
    return [0.5, 0.99].map(
      (share): Series => ({
        scenario: 'standalone-readiness',
        variant,
        baseline: variant,
        metric: `pod to rows, p${share * 100}`,
        unit: 'ms',
        values: rounds.map((latencies) => percentile(latencies, share)),
      }),
    );
  },
};
