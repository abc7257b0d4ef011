/** A whole cluster from an API server: until an agent knows it, and until it is in the kernel. */
import { type Access, withApiCluster } from '../api/cluster.ts';
import type { Started } from '../api/messages.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario } from '../scenario.ts';

interface Variant {
  readonly name: string;
  readonly access: Access;
  readonly into: 'nothing' | 'kernel';
}

const VARIANTS: readonly Variant[] = [
  { name: 'source, in a pod', access: 'in-cluster', into: 'nothing' },
  { name: 'source, by kubeconfig', access: 'kubeconfig', into: 'nothing' },
  { name: 'to the kernel, in a pod', access: 'in-cluster', into: 'kernel' },
];

export const API_SYNC: Scenario = {
  name: 'api-sync',
  about: 'an API server’s Services and slices of 10 endpoints heard in full by a new agent',
  needsApiServer: true,
  async run(context) {
    const services = context.quick ? 1_000 : 10_000;
    return await withApiCluster({ services, endpoints: 10, target: null }, context, async (cluster) => {
      const costs = await runInterleaved(
        VARIANTS,
        { rounds: context.rounds ?? 5, warmUps: 0, random: context.random },
        async ({ name, access, into }) => {
          const follower = cluster.startFollower();
          try {
            const started = await follower.start(access, into);
            context.progress(`${name}: ${described(started)}`);
            return started;
          } finally {
            await follower.exit();
          }
        },
      );
      return [...costs].flatMap(([{ name }, values]) => seriesOf(`api-sync ${services}×10`, name, values));
    });
  },
};

function described({ wallMs, cpuMs, peakRssMb, stallMs, stallCpuMs, objects }: Started): string {
  const [wall, cpu, rss, stall, work] = [wallMs, cpuMs, peakRssMb, stallMs, stallCpuMs].map(Math.round);
  return `${objects} objects in ${wall} ms, CPU ${cpu} ms, ${rss} MB, stall ${stall} ms (CPU ${work} ms)`;
}

function seriesOf(scenario: string, variant: string, costs: readonly Started[]): Series[] {
  const common = { scenario, variant, baseline: VARIANTS[0]?.name ?? '' };
  return [
    { ...common, metric: 'time to synced', unit: 'ms', values: costs.map(({ wallMs }) => wallMs) },
    { ...common, metric: 'CPU', unit: 'ms', values: costs.map(({ cpuMs }) => cpuMs) },
    { ...common, metric: 'peak memory', unit: 'MB', values: costs.map(({ peakRssMb }) => peakRssMb) },
    { ...common, metric: 'longest stall', unit: 'ms', values: costs.map(({ stallMs }) => stallMs) },
    {
      ...common,
      metric: 'longest stall, CPU',
      unit: 'ms',
      values: costs.map(({ stallCpuMs }) => stallCpuMs),
    },
  ];
}
