/** An API server ends or is killed and comes back: until an agent follows every kind again, and hears what is new. */
import { type ApiCluster, type Follower, withApiCluster } from '../api/cluster.ts';
import { machineMs } from '../api/messages.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';

interface Recovery {
  readonly wholeMs: number;
  readonly heardMs: number;
}

const WAYS = ['stop', 'kill'] as const;
type Way = (typeof WAYS)[number];

export const API_RESTART: Scenario = {
  name: 'api-restart',
  about: 'an API server of many Services × 10 endpoints is stopped or killed, and started again',
  needsApiServer: true,
  async run(context) {
    const services = context.quick ? 1_000 : 10_000;
    return await withApiCluster({ services, endpoints: 10, target: null }, context, async (cluster) => {
      const follower = cluster.startFollower();
      await follower.start('in-cluster', 'kernel');
      const recoveries = new Map<Way, Recovery[]>(WAYS.map((way) => [way, []]));
      for (let round = 0; round < (context.rounds ?? 5); round++) {
        for (const way of WAYS) {
          const recovery = await restart(cluster, follower, way);
          const [whole, heard] = [recovery.wholeMs, recovery.heardMs].map(Math.round);
          context.progress(`${way}: whole again after ${whole} ms, a new change heard after ${heard} ms`);
          recoveries.get(way)?.push(recovery);
        }
      }
      return [...recoveries].flatMap(([way, values]) => seriesOf(services, way, values));
    });
  },
};

/** Milliseconds from when the server says that it is ready. */
async function restart(cluster: ApiCluster, follower: Follower, way: Way): Promise<Recovery> {
  await cluster.server[way]();
  await cluster.server.start();
  const readyAtMs = machineMs();
  const change = await cluster.change(1, 1);
  const latency = (await follower.latencies(change))[0] ?? Number.NaN;
  const heardMs = (change.repliedAtMs[0] ?? Number.NaN) + latency - readyAtMs;
  return { wholeMs: (await follower.whole()) - readyAtMs, heardMs };
}

function seriesOf(services: number, way: Way, recoveries: readonly Recovery[]): Series[] {
  const variant = `server ${way === 'stop' ? 'stopped' : 'killed'}, ${services} Services`;
  const common = { scenario: 'api-restart', variant, baseline: variant, unit: 'ms' };
  return [
    { ...common, metric: 'ready to whole again', values: recoveries.map(({ wholeMs }) => wholeMs) },
    {
      ...common,
      metric: 'ready to a new change in the kernel',
      values: recoveries.map(({ heardMs }) => heardMs),
    },
  ];
}
