/** One endpoint goes or comes among many Services: from the object to the kernel's acknowledgement. */
import { type DataPathProcess, startDataPath } from '../data-path-process.ts';
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario } from '../scenario.ts';
import { percentile } from '../statistics.ts';

const CHANGES_PER_ROUND = 1_000;
const ENDPOINTS = 10;

interface Cluster {
  readonly services: number;
  readonly namespace: string;
  readonly process: DataPathProcess;
}

export const CHANGE: Scenario = {
  name: 'change',
  about: 'one endpoint changes among many Services × 10 endpoints: object in, kernel committed',
  async run(context) {
    const sizes = context.quick ? [100, 1_000] : [100, 1_000, 10_000];
    const clusters = sizes.map((services): Cluster => {
      const namespace = createNamespace('change');
      return { services, namespace, process: startDataPath(namespace) };
    });
    try {
      for (const { services, process } of clusters) {
        context.progress(`loading ${services} Services`);
        await process.load({ services, endpoints: ENDPOINTS, target: null }, []);
      }
      context.progress(`${CHANGES_PER_ROUND} changes a round`);
      const rounds = context.quick ? 5 : 15;
      const latencies = await runInterleaved(
        clusters,
        { rounds, warmUps: 2, random: context.random },
        ({ process }) => process.change(CHANGES_PER_ROUND),
      );
      return [...latencies].flatMap(([cluster, values]) => seriesOf(cluster.services, values));
    } finally {
      for (const { process } of clusters) await process.exit();
      removeNamespaces(clusters.map(({ namespace }) => namespace));
    }
  },
};

function seriesOf(services: number, rounds: readonly (readonly number[])[]): Series[] {
  const common = {
    scenario: 'change',
    variant: `${services} Services`,
    baseline: '100 Services',
    unit: 'ms',
  };
  return [
    { ...common, metric: 'p50', values: rounds.map((latencies) => percentile(latencies, 0.5)) },
    { ...common, metric: 'p99', values: rounds.map((latencies) => percentile(latencies, 0.99)) },
  ];
}
