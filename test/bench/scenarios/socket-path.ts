/**
 * From a pod to a Service whose backend its sockets choose, beside connections to the backend itself, through the same node
 * with the same tables; and beside Services on nft and in kube-proxy's shapes.
 */
import {
  type ClusterShape,
  ENDPOINT_PORT,
  SERVICE_PORT,
  serviceAddress,
  targetIndex,
} from '../cluster-shape.ts';
import {
  createTriple,
  flushConnections,
  removeNamespaces,
  SERVER_ADDRESS,
  type Triple,
} from '../namespaces.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { prepareSocketNode, type SocketNode, targetShape } from '../socket-node.ts';
import { type Random, shuffle } from '../statistics.ts';
import { CHUNK_BYTES, type ClientPlace, openTraffic, type Traffic, type TrafficOutcome } from '../traffic.ts';
import { type Installer, iptablesShape, nftablesShape, nothing, weir } from './installers.ts';

const MODES = ['connect', 'exchange', 'stream'] as const;
type Mode = (typeof MODES)[number];

const ROUTED = 'direct, no conntrack';
const DIRECT = 'direct, weir tables';
const PAST_SOCKETS = 'direct, weir sockets';
const SOCKETS = 'weir sockets';
const PEERS: readonly { readonly name: string; readonly install: Installer }[] = [
  { name: 'weir nft', install: weir },
  { name: 'kube-proxy nftables shape', install: nftablesShape },
  { name: 'kube-proxy iptables shape (iptables-nft)', install: iptablesShape('iptables-nft-restore') },
  { name: 'kube-proxy iptables shape (iptables-legacy)', install: iptablesShape('iptables-legacy-restore') },
];

/** One way to the pod that answers. */
interface Way {
  readonly name: string;
  readonly triple: Triple;
  readonly from: ClientPlace;
  readonly address: string;
  readonly port: number;
}

/** Ways that are measured right after each other: what disturbs one disturbs the others. */
interface Match {
  readonly mode: Mode;
  readonly ways: readonly Way[];
}

interface Scene {
  readonly context: ScenarioContext;
  readonly traffic: Traffic;
  readonly nodes: SocketNode[];
  readonly triples: Triple[];
}

export const SOCKET_PATH: Scenario = {
  name: 'socket-path',
  about: 'pod to Service at sockets, against direct connections, nft and kube-proxy’s shapes',
  async run(context) {
    const sizes = context.quick ? [1, 1_000] : [1, 1_000, 10_000];
    const scene: Scene = { context, traffic: openTraffic(context.folder), nodes: [], triples: [] };
    try {
      const matches: Match[] = [];
      for (const services of sizes) {
        context.progress(`preparing ${services} Services`);
        matches.push(...(await matchesOf(services, services === sizes[0], scene)));
      }
      const seconds = context.quick ? 0.2 : 0.25;
      const rounds = context.rounds ?? (context.quick ? 5 : 21);
      context.progress(`${rounds} rounds of ${matches.flatMap(({ ways }) => ways).length} × ${seconds} s`);
      const outcomes = await runInterleaved(
        matches,
        { rounds, warmUps: 1, random: context.random },
        async (match) => measure(match, scene.traffic, seconds, context.random),
      );
      return seriesOf(outcomes, sizes);
    } finally {
      scene.traffic.close();
      for (const node of scene.nodes) await node.exit();
      removeNamespaces(scene.triples.flatMap((triple) => Object.values(triple)));
    }
  },
};

async function matchesOf(services: number, first: boolean, scene: Scene): Promise<readonly Match[]> {
  const shape = targetShape(services);
  const node = await prepareSocketNode(shape, scene.traffic);
  scene.nodes.push(node);
  const { triple, inside, outside, service, pod, lasting } = node;
  const way = (name: string, from: ClientPlace, to: { address: string; port: number }): Way => ({
    name: sized(name, services),
    triple,
    from,
    ...to,
  });
  const connect = [
    way(DIRECT, outside, pod),
    way(PAST_SOCKETS, inside, pod),
    way(SOCKETS, inside, service),
    ...(first ? await peerWays([{ name: ROUTED, install: nothing }], shape, scene) : []),
    ...(await peerWays(PEERS, shape, scene)),
  ];
  const persistent = [way(DIRECT, outside, lasting.pod), way(SOCKETS, inside, lasting.service)];
  return MODES.map((mode) => ({ mode, ways: mode === 'connect' ? connect : persistent }));
}

async function peerWays(peers: typeof PEERS, shape: ClusterShape, scene: Scene): Promise<readonly Way[]> {
  const ways: Way[] = [];
  for (const { name, install } of peers) {
    const triple = createTriple();
    scene.triples.push(triple);
    scene.traffic.serve(triple.server, ENDPOINT_PORT);
    const from = { namespace: triple.client };
    if ((await install(triple, shape)) === 'not available')
      scene.context.progress(`${name}: not available on this machine, left out`);
    else if (install === nothing)
      ways.push({ name, triple, from, address: SERVER_ADDRESS, port: ENDPOINT_PORT });
    else
      ways.push({
        name: sized(name, shape.services),
        triple,
        from,
        address: serviceAddress(targetIndex(shape)),
        port: SERVICE_PORT,
      });
  }
  return ways;
}

/** By the ways' names. */
type Outcomes = ReadonlyMap<string, TrafficOutcome>;

function measure({ mode, ways }: Match, traffic: Traffic, seconds: number, random: Random): Outcomes {
  const outcomes = new Map<string, TrafficOutcome>();
  for (const { name, triple, from, address, port } of shuffle(ways, random)) {
    flushConnections(triple.node);
    try {
      outcomes.set(name, traffic.send(mode, from, address, port, seconds));
    } catch (cause) {
      throw new Error(`${name}: no traffic to ${address}:${port}`, { cause });
    }
  }
  return outcomes;
}

interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly of: (outcome: TrafficOutcome) => number;
}

const METRICS: Readonly<Record<Mode, readonly Metric[]>> = {
  connect: [
    { name: 'connections', unit: '1/s', of: ({ rate }) => rate },
    { name: 'connection, p50', unit: 'µs', of: ({ p50us }) => p50us },
    { name: 'connection, p99', unit: 'µs', of: ({ p99us }) => p99us },
    { name: "connection, client's processor", unit: 'µs', of: ({ cpuUs }) => cpuUs },
  ],
  exchange: [
    { name: 'exchanges', unit: '1/s', of: ({ rate }) => rate },
    { name: 'exchange, p50', unit: 'µs', of: ({ p50us }) => p50us },
    { name: 'exchange, p99', unit: 'µs', of: ({ p99us }) => p99us },
  ],
  stream: [{ name: 'throughput', unit: 'Gbit/s', of: ({ rate }) => (rate * CHUNK_BYTES * 8) / 1e9 }],
};

/** Sockets appear once for each thing they are compared with, so every ratio asked for stands in the results. */
function seriesOf(outcomes: ReadonlyMap<Match, readonly Outcomes[]>, sizes: readonly number[]): Series[] {
  const [least = 1, ...larger] = sizes;
  const pairs = [
    [ROUTED, ROUTED],
    ...sizes.flatMap((size) =>
      [
        [DIRECT, DIRECT],
        [SOCKETS, DIRECT],
        [PAST_SOCKETS, DIRECT],
        ...PEERS.flatMap(({ name }) => [
          [name, DIRECT],
          [SOCKETS, name],
        ]),
      ].map((names) => names.map((name) => sized(name, size))),
    ),
    ...[sized(DIRECT, least), sized(SOCKETS, least)].map((variant) => [variant, ROUTED]),
    ...larger.map((size) => [sized(SOCKETS, size), sized(SOCKETS, least)]),
  ];
  return pairs.flatMap(([variant = '', baseline = '']) =>
    MODES.flatMap((mode) => {
      const rounds = (name: string) => outcomesOf(outcomes, mode, name);
      const values = rounds(variant);
      if (values.length === 0 || rounds(baseline).length === 0) return [];
      return METRICS[mode].map(
        ({ name, unit, of }): Series => ({
          scenario: 'socket-path',
          variant,
          baseline,
          metric: name,
          unit,
          values: values.map(of),
        }),
      );
    }),
  );
}

/** Of each round, in order; empty for what was not measured in this mode. */
function outcomesOf(
  outcomes: ReadonlyMap<Match, readonly Outcomes[]>,
  mode: Mode,
  name: string,
): readonly TrafficOutcome[] {
  return [...outcomes].flatMap(([match, rounds]) =>
    match.mode === mode ? rounds.flatMap((round) => round.get(name) ?? []) : [],
  );
}

function sized(name: string, services: number): string {
  return `${name}, ${services}`;
}
