/**
 * From pod to pod on one node, with nobody who enforces policies, and with programs or nftables that do, by how many policies
 * select both; `direct`: by programs, past the node's stack. Each variant has namespaces and an agent of its own that stay through all rounds.
 */
import {
  createTriple,
  flushConnections,
  removeNamespaces,
  SERVER_ADDRESS,
  type Triple,
} from '../namespaces.ts';
import type { Enforcement } from '../policy-messages.ts';
import { CLOSED_PORT, OPEN_PORTS } from '../policy-pair.ts';
import { type PolicyProcess, startPolicyProcess } from '../policy-process.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { CHUNK_BYTES, openTraffic, type Traffic, type TrafficMode, type TrafficOutcome } from '../traffic.ts';

interface Variant {
  readonly enforcement: Enforcement;
  readonly policies: number;
}

interface Node extends Variant {
  readonly triple: Triple;
  readonly agent: PolicyProcess;
}

type MeasuredMode = Extract<TrafficMode, 'stream' | 'exchange' | 'connect'>;
type Outcomes = Readonly<Record<MeasuredMode, TrafficOutcome>>;

const OFF: Variant = { enforcement: 'off', policies: 0 };

export const POLICY_PATH: Scenario = {
  name: 'policy-path',
  about: 'pod to pod on one node by enforcement and number of policies: throughput, exchanges, connections',
  async run(context) {
    const counts = context.quick ? [1, 100] : [1, 100, 10_000];
    const traffic = openTraffic(context.folder);
    const nodes: Node[] = [];
    try {
      for (const variant of variantsOf(counts)) {
        context.progress(`preparing ${nameOf(variant)}`);
        nodes.push(await prepareNode(variant, traffic, context));
      }
      const seconds = context.quick ? 0.25 : 1;
      const rounds = context.rounds ?? (context.quick ? 7 : 15);
      context.progress(`${nodes.length} variants, ${rounds} rounds of three times ${seconds} s each`);
      const outcomes = await runInterleaved(
        nodes,
        { rounds, warmUps: 1, random: context.random },
        async (node) => measure(node, traffic, seconds),
      );
      return [...outcomes].flatMap(([node, values]) => seriesOf(node, values));
    } finally {
      traffic.close();
      for (const { agent } of nodes) await agent.exit();
      removeNamespaces(nodes.flatMap(({ triple }) => Object.values(triple)));
    }
  },
};

function variantsOf(counts: readonly number[]): readonly Variant[] {
  const backends = ['bpf', 'direct', 'nft'] as const;
  return [
    OFF,
    ...backends.flatMap((enforcement) => counts.map((policies): Variant => ({ enforcement, policies }))),
  ];
}

/** Throws where a packet does not meet what the variant's name says. */
async function prepareNode(variant: Variant, traffic: Traffic, { folder }: ScenarioContext): Promise<Node> {
  const { enforcement, policies } = variant;
  const triple = createTriple();
  const agent = await startPolicyProcess(triple.node, {
    enforcement,
    cluster: { of: 'pair', policies },
    folder,
  });
  const { server, client } = triple;
  traffic.serve(server, OPEN_PORTS.connections);
  traffic.serve(server, OPEN_PORTS.persistent, 'exchange');
  traffic.serve(server, CLOSED_PORT);
  const isOpen = traffic.reaches({ namespace: client }, SERVER_ADDRESS, CLOSED_PORT);
  if (isOpen !== (enforcement === 'off'))
    throw new Error(`${nameOf(variant)}: port ${CLOSED_PORT} is ${isOpen ? 'open' : 'closed'}`);
  return { ...variant, triple, agent };
}

function measure({ triple, ...variant }: Node, traffic: Traffic, seconds: number): Outcomes {
  flushConnections(triple.node);
  const send = (mode: MeasuredMode, port: number) => {
    try {
      return traffic.send(mode, { namespace: triple.client }, SERVER_ADDRESS, port, seconds);
    } catch (cause) {
      throw new Error(`${nameOf(variant)}: no traffic to ${SERVER_ADDRESS}:${port}`, { cause });
    }
  };
  return {
    stream: send('stream', OPEN_PORTS.persistent),
    exchange: send('exchange', OPEN_PORTS.persistent),
    connect: send('connect', OPEN_PORTS.connections),
  };
}

/**
 * Once against no enforcement, once against one policy, which tells whether more of them cost more, and once against the way
 * by the stack.
 */
function seriesOf(variant: Variant, rounds: readonly Outcomes[]): Series[] {
  const baselines: readonly Variant[] = [
    OFF,
    ...(variant.policies > 1 ? [{ ...variant, policies: 1 }] : []),
    ...(variant.enforcement === 'direct' ? [{ ...variant, enforcement: 'bpf' as const }] : []),
  ];
  const rate = (mode: MeasuredMode, scale = 1) => rounds.map((outcomes) => outcomes[mode].rate * scale);
  const p50 = (mode: MeasuredMode) => rounds.map((outcomes) => outcomes[mode].p50us);
  return baselines.flatMap((baseline) => {
    const common = { scenario: 'policy-path', variant: nameOf(variant), baseline: nameOf(baseline) };
    return [
      { ...common, metric: 'throughput', unit: 'Gbit/s', values: rate('stream', (CHUNK_BYTES * 8) / 1e9) },
      { ...common, metric: 'exchanges', unit: '1/s', values: rate('exchange') },
      { ...common, metric: 'exchange, p50', unit: 'µs', values: p50('exchange') },
      { ...common, metric: 'connections', unit: '1/s', values: rate('connect') },
      { ...common, metric: 'connection, p50', unit: 'µs', values: p50('connect') },
    ];
  });
}

function nameOf({ enforcement, policies }: Variant): string {
  return enforcement === 'off' ? 'off' : `${enforcement}, ${policies}`;
}
