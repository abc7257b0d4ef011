/**
 * What the programs on sockets cost, as the kernel times them under real sockets: those that dial a Service, and those that dial
 * something else. The time holds the two readings of a clock that are made around each run.
 */
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario } from '../scenario.ts';
import type { Counted } from '../socket-messages.ts';
import { type Destination, prepareSocketNode, type SocketNode, targetShape } from '../socket-node.ts';
import { openTraffic, type Traffic, type TrafficMode } from '../traffic.ts';

interface Load {
  readonly name: string;
  readonly mode: TrafficMode;
  readonly of: 'a Service' | 'no Service';
  readonly address: string;
  readonly port: number;
}

interface Variant {
  readonly services: number;
  readonly node: SocketNode;
  readonly load: Load;
}

/** A run or two more are those of the benchmark's own sockets. */
const LEAST_RUNS = 100;

export const SOCKET_HOOKS: Scenario = {
  name: 'socket-hooks',
  about: 'ns per run of each program on sockets, by number of Services',
  async run({ quick, rounds, random, folder, progress }) {
    const sizes = quick ? [1, 1_000] : [1, 1_000, 10_000];
    const seconds = quick ? 0.1 : 0.25;
    const traffic = openTraffic(folder);
    const variants: Variant[] = [];
    const nodes: SocketNode[] = [];
    try {
      for (const services of sizes) {
        progress(`preparing ${services} Services`);
        const node = await prepareSocketNode(targetShape(services), traffic);
        nodes.push(node);
        variants.push(...loadsOn(node).map((load) => ({ services, node, load })));
      }
      const counts = await runInterleaved(
        variants,
        { rounds: rounds ?? (quick ? 5 : 11), warmUps: 1, random },
        ({ node, load }) => count(node, load, traffic, seconds),
      );
      return [...counts].flatMap(([variant, rounds]) => seriesOf(variant, rounds, sizes[0] ?? 1));
    } finally {
      traffic.close();
      for (const node of nodes) await node.exit();
    }
  },
};

/** Connections by IPv4 and, with mapped addresses, by IPv6; datagrams; and questions who is at the other end. */
function loadsOn({ service, pod, lasting }: SocketNode): readonly Load[] {
  const of = (mode: TrafficMode, name: string, served: Destination, other: Destination): readonly Load[] => [
    { name, mode, of: 'a Service', ...served },
    { name, mode, of: 'no Service', ...other },
  ];
  const mapped = ({ address, port }: Destination) => ({ address: `::ffff:${address}`, port });
  return [
    ...of('connect', 'connection', service, pod),
    ...of('connect', 'mapped connection', mapped(service), mapped(pod)),
    ...of('message', 'message', lasting.service, lasting.pod),
    ...of('name', 'name', lasting.service, lasting.pod),
  ];
}

function count(
  { inside, counting }: SocketNode,
  load: Load,
  traffic: Traffic,
  seconds: number,
): Promise<Counted> {
  return counting(() => traffic.send(load.mode, inside, load.address, load.port, seconds));
}

function seriesOf({ services, load }: Variant, rounds: readonly Counted[], least: number): Series[] {
  const nameOf = (size: number) => `${size} ${size === 1 ? 'Service' : 'Services'}`;
  const series = (metric: string, of: (round: Counted) => number): Series => ({
    scenario: 'socket-hooks',
    variant: nameOf(services),
    baseline: nameOf(least),
    metric: `${load.name} to ${load.of}: ${metric}`,
    unit: 'ns',
    values: rounds.map(of),
  });
  const busy = Object.keys(rounds[0] ?? {}).filter((hook) =>
    rounds.every((round) => (round[hook]?.runs ?? 0) >= LEAST_RUNS),
  );
  const perRun = busy.map((hook) =>
    series(hook, (round) => (round[hook]?.nanoseconds ?? 0) / (round[hook]?.runs ?? 1)),
  );
  return load.mode === 'connect' ? [...perRun, series('all hooks', perConnection)] : perRun;
}

/** All that the programs took, for each connect. */
function perConnection(round: Counted): number {
  const runs = (round.connect4?.runs ?? 0) + (round.connect6?.runs ?? 0);
  return Object.values(round).reduce((total, { nanoseconds }) => total + nanoseconds, 0) / runs;
}
