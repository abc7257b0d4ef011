/** One endpoint goes or comes among many Services: from the object to the kernel's acknowledgement. */
import { type DataPathProcess, startDataPath } from '../data-path-process.ts';
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario } from '../scenario.ts';
import { percentile } from '../statistics.ts';

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
      const rounds = context.quick ? 5 : 10;
      const changes = 200;
      context.progress(`${rounds} rounds of ${changes} changes each`);
      const latencies = await runInterleaved(
        clusters,
        { rounds, warmUps: 1, random: context.random },
        ({ process }) => process.change(changes),
      );
      return [...latencies].flatMap(([cluster, values]) => seriesOf(cluster.services, values));
    } finally {
      for (const { process } of clusters) await process.exit();
      removeNamespaces(clusters.map(({ namespace }) => namespace));
    }
  },
};

/** A round's changes alternate: an endpoint goes, then the same one comes back. */
function seriesOf(services: number, rounds: readonly (readonly number[])[]): Series[] {
  const common = {
    scenario: 'change',
    variant: `${services} Services`,
    baseline: '100 Services',
    unit: 'ms',
  };
  const kinds = [
    { name: 'endpoint goes', parity: 0 },
    { name: 'endpoint comes', parity: 1 },
  ];
  return kinds.flatMap(({ name, parity }) => {
    const values = rounds.map((latencies) => latencies.filter((_, index) => index % 2 === parity));
    return [0.5, 0.99].map((share) => ({
      ...common,
      metric: `${name}, p${share * 100}`,
      values: values.map((latencies) => percentile(latencies, share)),
    }));
  });
}
