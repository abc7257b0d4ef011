/**
 * What a short connection to a Service takes of a processor, in all that is done for it at both ends: by sockets and by nft,
 * beside the same connection to the backend itself.
 */
import { flushConnections } from '../namespaces.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import { prepareSocketNode, type SocketNode, targetShape } from '../socket-node.ts';
import { openTurns, type Turn } from '../turns.ts';

const DIRECT = 'direct, weir tables';
const SOCKETS = 'weir sockets';

interface Way extends Turn {
  readonly name: string;
  readonly baseline: string;
}

/** Ports of the client come again after some: connection tracking must have forgotten them by then. */
const ROUNDS_PER_FLUSH = 20;

export const SOCKET_TURNS: Scenario = {
  name: 'socket-turns',
  about: 'the whole time of a connection on one processor: at sockets, by nft, direct, in turns',
  async run({ quick, rounds, folder, progress }) {
    const sizes = quick ? [1, 1_000] : [1, 1_000, 10_000];
    const turns = openTurns(folder);
    const nodes: SocketNode[] = [];
    try {
      const ways: Way[] = [];
      for (const services of sizes) {
        progress(`preparing ${services} Services`);
        const node = await prepareSocketNode(targetShape(services), turns);
        nodes.push(node);
        ways.push(...waysOf(node, services));
      }
      const taken: number[][] = [];
      for (let left = rounds ?? (quick ? 40 : 300); left > 0; left -= ROUNDS_PER_FLUSH) {
        for (const { triple } of nodes) flushConnections(triple.node);
        taken.push(...turns.take(ways, Math.min(left, ROUNDS_PER_FLUSH)));
      }
      return seriesOf(ways, taken, sizes);
    } finally {
      turns.close();
      for (const node of nodes) await node.exit();
    }
  },
};

function waysOf({ inside, outside, service, pod }: SocketNode, services: number): readonly Way[] {
  const way = (name: string, from: Way['from'], to: Way['to']): Way => ({
    name: `${name}, ${services}`,
    baseline: `${DIRECT}, ${services}`,
    from,
    to,
  });
  return [
    way(DIRECT, outside, pod),
    way('direct, weir sockets', inside, pod),
    way(SOCKETS, inside, service),
    way('weir nft', outside, service),
  ];
}

function seriesOf(
  ways: readonly Way[],
  taken: readonly number[][],
  [least = 1, ...larger]: number[],
): Series[] {
  const series = ways.map(
    ({ name, baseline }, index): Series => ({
      scenario: 'socket-turns',
      variant: name,
      baseline,
      metric: 'connection, one processor',
      unit: 'µs',
      values: taken.map((round) => (round[index] ?? Number.NaN) / 1000),
    }),
  );
  const flat = series.filter(({ variant }) => larger.some((size) => variant === `${SOCKETS}, ${size}`));
  return [...series, ...flat.map((one) => ({ ...one, baseline: `${SOCKETS}, ${least}` }))];
}
