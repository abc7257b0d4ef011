/** One endpoint goes or comes among many Services: from the object to the kernel's acknowledgement. */
import type { Pace } from '../data-path-messages.ts';
import { type DataPathProcess, startDataPath } from '../data-path-process.ts';
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { percentile } from '../statistics.ts';

const ENDPOINTS = 10;
/** Of a round; half of them take an endpoint away, half bring it back. */
const CHANGES = 1_000;
const PACES: readonly Pace[] = ['settled', 'back to back'];

interface Cluster {
  readonly services: number;
  readonly namespace: string;
  readonly process: DataPathProcess;
}

interface Variant {
  readonly cluster: Cluster;
  readonly pace: Pace;
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
      return await measure(clusters, context);
    } finally {
      for (const { process } of clusters) await process.exit();
      removeNamespaces(clusters.map(({ namespace }) => namespace));
    }
  },
};

async function measure(clusters: readonly Cluster[], context: ScenarioContext): Promise<Series[]> {
  const variants = clusters.flatMap((cluster) => PACES.map((pace): Variant => ({ cluster, pace })));
  const rounds = context.rounds ?? 5;
  const changes = context.quick ? CHANGES / 5 : CHANGES;
  context.progress(`${variants.length} variants, ${rounds} rounds of ${changes} changes each`);
  const latencies = await runInterleaved(
    variants,
    { rounds, warmUps: 1, random: context.random },
    ({ cluster, pace }) => cluster.process.change(changes, pace),
  );
  return [...latencies].flatMap(([variant, values]) => seriesOf(variant, values));
}

/** A round's changes alternate: an endpoint goes, then the same one comes back. */
function seriesOf({ cluster, pace }: Variant, rounds: readonly (readonly number[])[]): Series[] {
  const named = (services: number): string =>
    pace === 'settled' ? `${services} Services` : `${services} Services, ${pace}`;
  const common = { scenario: 'change', variant: named(cluster.services), baseline: named(100), unit: 'ms' };
  const kinds = [
    { name: 'endpoint goes', isOfKind: (index: number) => index % 2 === 0 },
    { name: 'endpoint comes', isOfKind: (index: number) => index % 2 === 1 },
    { name: 'any change', isOfKind: () => true },
  ];
  return kinds.flatMap(({ name, isOfKind }) => {
    const values = rounds.map((latencies) => latencies.filter((_, index) => isOfKind(index)));
    return [0.5, 0.99].map((share) => ({
      ...common,
      metric: `${name}, p${share * 100}`,
      values: values.map((latencies) => percentile(latencies, share)),
    }));
  });
}
