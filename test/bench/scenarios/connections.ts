/**
 * New connections per second from pod to pod through a node, with different things between them. Each variant has
 * namespaces of its own that stay as they are through all rounds.
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
import { openTraffic, type Traffic, type TrafficOutcome } from '../traffic.ts';
import { type Installer, iptablesShape, nftablesShape, nothing, notrackShape, weir } from './installers.ts';

/** Of each filler Service; look-ups don't depend on it, loading the peers' rules does very much. */
const ENDPOINTS = 2;
/** A port that no Service has an endpoint at. */
const PLAIN_PORT = 9090;

interface Kind {
  readonly name: string;
  readonly install: Installer;
  /** `service`: to the cluster IP; `pod`: to the pod behind it; `plain`: to a port of that pod that no Service uses. */
  readonly to: 'service' | 'pod' | 'plain';
  /** Not measured at every size: what is not there can't have one. */
  readonly everySize: boolean;
}

interface Variant {
  readonly name: string;
  readonly triple: Triple;
  readonly address: string;
  readonly port: number;
}

const DIRECT_NO_CONNTRACK = 'direct, no conntrack';
const DIRECT = 'direct, weir tables';
const WEIR = 'weir nft';
const NOTRACK = 'direct, weir tables, notrack';
const NFTABLES = 'kube-proxy nftables shape';
const IPTABLES_NFT = 'kube-proxy iptables shape (iptables-nft)';
const IPTABLES_LEGACY = 'kube-proxy iptables shape (iptables-legacy)';

const KINDS: readonly Kind[] = [
  { name: DIRECT_NO_CONNTRACK, install: nothing, to: 'pod', everySize: false },
  { name: DIRECT, install: weir, to: 'pod', everySize: true },
  { name: NOTRACK, install: notrackShape, to: 'plain', everySize: false },
  { name: WEIR, install: weir, to: 'service', everySize: true },
  { name: NFTABLES, install: nftablesShape, to: 'service', everySize: true },
  { name: IPTABLES_NFT, install: iptablesShape('iptables-nft-restore'), to: 'service', everySize: true },
  {
    name: IPTABLES_LEGACY,
    install: iptablesShape('iptables-legacy-restore'),
    to: 'service',
    everySize: true,
  },
];

export const CONNECTIONS: Scenario = {
  name: 'connections',
  about: 'new connections per second to a cluster IP, against direct ones and kube-proxy’s shapes',
  async run(context) {
    const sizes = context.quick ? [1, 1_000] : [1, 1_000, 10_000];
    const traffic = openTraffic(context.folder);
    const variants: Variant[] = [];
    try {
      for (const services of sizes)
        await prepareSize(services, services === sizes[0], traffic, variants, context);
      const seconds = context.quick ? 0.5 : 1;
      const rounds = context.rounds ?? (context.quick ? 7 : 21);
      context.progress(`${variants.length} variants, ${rounds} rounds of ${seconds} s each`);
      const outcomes = await runInterleaved(
        variants,
        { rounds, warmUps: 1, random: context.random },
        async (variant) => measure(variant, traffic, seconds),
      );
      return seriesOf(new Map([...outcomes].map(([variant, values]) => [variant.name, values])), sizes);
    } finally {
      traffic.close();
      removeNamespaces(variants.flatMap(({ triple }) => Object.values(triple)));
    }
  },
};

async function prepareSize(
  services: number,
  first: boolean,
  traffic: Traffic,
  variants: Variant[],
  context: ScenarioContext,
): Promise<void> {
  const shape: ClusterShape = {
    services,
    endpoints: ENDPOINTS,
    target: { address: SERVER_ADDRESS, port: ENDPOINT_PORT },
  };
  for (const kind of KINDS) {
    if (!first && !kind.everySize) continue;
    const name = kind.everySize ? sized(kind.name, services) : kind.name;
    context.progress(`preparing ${name}`);
    const triple = createTriple();
    const port = kind.to === 'plain' ? PLAIN_PORT : ENDPOINT_PORT;
    const variant =
      kind.to === 'service'
        ? { name, triple, address: serviceAddress(targetIndex(shape)), port: SERVICE_PORT }
        : { name, triple, address: SERVER_ADDRESS, port };
    if ((await kind.install(triple, shape)) === 'not available') {
      context.progress(`${name}: not available on this machine, left out`);
      removeNamespaces(Object.values(triple));
      continue;
    }
    traffic.serve(triple.server, port);
    variants.push(variant);
  }
}

function measure(variant: Variant, traffic: Traffic, seconds: number): TrafficOutcome {
  flushConnections(variant.triple.node);
  try {
    return traffic.send(
      'connect',
      { namespace: variant.triple.client },
      variant.address,
      variant.port,
      seconds,
    );
  } catch (cause) {
    throw new Error(`${variant.name}: no connections to ${variant.address}:${variant.port}`, { cause });
  }
}

/** Weir appears once for each thing it is compared with, so every ratio asked for stands in the results. */
function seriesOf(
  outcomes: ReadonlyMap<string, readonly TrafficOutcome[]>,
  sizes: readonly number[],
): Series[] {
  const pairs: [string, string][] = [
    [NOTRACK, DIRECT_NO_CONNTRACK],
    [NOTRACK, sized(DIRECT, 1)],
  ];
  for (const size of sizes) {
    pairs.push([sized(DIRECT, size), DIRECT_NO_CONNTRACK], [sized(WEIR, size), DIRECT_NO_CONNTRACK]);
    for (const peer of [DIRECT, NFTABLES, IPTABLES_NFT, IPTABLES_LEGACY])
      pairs.push([sized(WEIR, size), sized(peer, size)]);
    for (const peer of [NFTABLES, IPTABLES_NFT, IPTABLES_LEGACY])
      pairs.push([sized(peer, size), DIRECT_NO_CONNTRACK]);
    if (size !== sizes[0]) pairs.push([sized(WEIR, size), sized(WEIR, sizes[0] ?? 1)]);
  }
  return [[DIRECT_NO_CONNTRACK, DIRECT_NO_CONNTRACK] as const, ...pairs].flatMap(([variant, baseline]) => {
    const values = outcomes.get(variant);
    if (values === undefined || !outcomes.has(baseline)) return [];
    const common = { scenario: 'connections', variant, baseline };
    return [
      { ...common, metric: 'rate', unit: '1/s', values: values.map((outcome) => outcome.rate) },
      { ...common, metric: 'p50', unit: 'µs', values: values.map((outcome) => outcome.p50us) },
    ];
  });
}

function sized(name: string, services: number): string {
  return `${name}, ${services}`;
}
