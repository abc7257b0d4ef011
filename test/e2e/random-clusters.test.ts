/**
 * Random clusters with real packets: every sender asks everything there is, and the lab, the trace and the oracle must
 * agree. WEIR_LAB_SEEDS (comma-separated) asks other clusters.
 */
import { describe, expect, it } from 'vitest';
import { defaultCompileOptions } from '../../src/agent/configuration.ts';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { traceManifests } from '../../src/explain/trace.ts';
import type { TraceAnswer, TraceLine } from '../../src/explain/trace-line.ts';
import { labProbe } from '../../src/lab/lab.ts';
import type { Address } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import type { NodeName, Port, Protocol } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import { expandProbes, type Probe } from '../../src/model/probe-expansion.ts';
import type { ProbeAnswer, ProbeFailure, ProbeLine } from '../../src/model/probe-request.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import { expectService } from '../oracle/oracle.ts';
import { type Cluster, clusterOf, type Expectation, type Question } from '../oracle/question.ts';
import { generatedCluster } from './generated-manifests.ts';
import { questionsAbout } from './generated-questions.ts';
import { BACKENDS, useLab } from './lab-cluster.ts';
import type { Manifest } from './manifests.ts';

const SEEDS = (process.env.WEIR_LAB_SEEDS ?? '4,7,12,18,19,38,44,45').split(',').map(Number);
/** Flags of the agents, and what they mean to the compiler; a seed takes the next. */
const FLAGS: readonly { readonly agent: readonly string[]; readonly compile: Partial<CompileOptions> }[] = [
  { agent: [], compile: {} },
  { agent: ['--masquerade-all'], compile: { masqueradeAll: true } },
  { agent: ['--allow-external-cluster-ip'], compile: { allowExternalClusterIp: true } },
  { agent: ['--source-ranges-all-types'], compile: { sourceRangesAllTypes: true } },
];
/** Seeds without one of these would make the comparison hollow. */
const MUST_MEET = [
  ...['clusterIP', 'nodePort', 'externalIP', 'loadBalancerIP'].flatMap((kind) => [
    `${kind} allowed`,
    `${kind} refused`,
    `${kind} blocked`,
  ]),
  'hostPort allowed',
  'null allowed',
  'null blocked',
  'unequal weights',
  'maintenance',
];
const MIRRORS = ['169.254.90.90', 'fd77:6569:7200::1'].map((text) => text as Address);
const VERDICTS = { translated: 'allowed', rejected: 'refused', dropped: 'blocked', untouched: null } as const;

interface Asked {
  readonly objects: readonly WeirObject[];
  readonly cluster: Cluster;
  readonly compile: CompileOptions;
  /** Neither what a socket dials nor what programs translate at the pod is masqueraded: the server sees the client itself. */
  readonly isUnmasked: boolean;
}

/** One question with its three answers. */
interface Compared {
  readonly probe: Probe;
  readonly real: ProbeAnswer;
  readonly traced: TraceAnswer;
  /** Of the node where the packet enters. */
  readonly expected: Expectation;
  readonly isUnmasked: boolean;
}

describe.each(BACKENDS)('random clusters on %s', (servicesBackend) => {
  const met = new Set<string>();

  describe.each(SEEDS)('cluster %i', (seed) => {
    const flags = FLAGS[seed % FLAGS.length] ?? { agent: [], compile: {} };
    const manifests = generatedCluster(seed);
    const lab = useLab(manifests, { servicesBackend, agentArguments: flags.agent, expectTranslation: false });

    it('[A1] [A17] [A18] [A21] [A25] [A31] [A32] [A42] [A43] [A45] [A63] [E27] packets, trace and oracle agree', async () => {
      const objects = completed(manifests);
      const cluster = clusterOf(objects);
      const compile = { ...defaultCompileOptions('' as NodeName), masqueradePods: true, ...flags.compile };
      const requests = questionsAbout(cluster);
      const real = await labProbe({ name: lab.name, requests });
      const traced = traceManifests({ objects, requests, options: { compile, node: null } });
      const differences = expandProbes(requests, objects).flatMap((probe, index) => {
        const isUnmasked = servicesBackend !== 'nft';
        const wrong = differenceAt(
          probe,
          { objects, cluster, compile, isUnmasked },
          real[index],
          traced[index],
        );
        return wrong === null ? [] : [{ wrong, real: real[index], traced: traced[index] }];
      });
      expect(differences).toEqual([]);
      for (const line of traced)
        if ('verdict' in line) for (const feature of featuresOf(line)) met.add(feature);
    });
  });

  it('these clusters have met everything that matters', () => {
    expect([...met]).toEqual(expect.arrayContaining(MUST_MEET));
  });
});

function featuresOf({ frontend, verdict, weights, excluded }: TraceAnswer): readonly string[] {
  return [
    `${frontend} ${verdict}`,
    ...(new Set(weights).size > 1 ? ['unequal weights'] : []),
    ...excluded.flatMap(({ why }) => (why === 'maintenance' ? [why] : [])),
  ];
}

function differenceAt(
  probe: Probe | ProbeFailure,
  { objects, cluster, compile, isUnmasked }: Asked,
  real: ProbeLine | undefined,
  traced: TraceLine | undefined,
): string | null {
  if (real === undefined || traced === undefined) return 'a line is missing';
  if ('error' in probe || 'error' in real || 'error' in traced) return 'a question could not be asked';
  const expected = expectService(objects, questionOf(probe, cluster), compile);
  return difference({ probe, real, traced, expected, isUnmasked }, cluster);
}

function completed(manifests: readonly Manifest[]): readonly WeirObject[] {
  const parsed = manifests.flatMap((manifest) => {
    const result = parseObject(manifest, 'generated.json');
    return result.type === 'object' ? [result.object] : [];
  });
  return completeObjects(parsed, DEFAULT_CLUSTER_OPTIONS).objects;
}

function questionOf(
  { source, sourceAddress, node, address, port, protocol }: Probe,
  cluster: Cluster,
): Question {
  const sender = cluster.pods.find(
    ({ namespace, name }) => source.kind === 'pod' && source.pod === `${namespace}/${name}`,
  );
  const inside = sender === undefined || sender.hostNetwork ? ('node' as const) : ('pod' as const);
  return {
    node,
    source: { address: sourceAddress, origin: source.kind === 'external' ? 'outside' : inside },
    destination: address,
    port: port as Port,
    protocol: protocol.toUpperCase() as Protocol,
  };
}

/** What is wrong; null: nothing. */
function difference(compared: Compared, cluster: Cluster): string | null {
  const { real, traced, expected } = compared;
  const verdict = VERDICTS[expected.verdict];
  if (verdict !== null && verdict !== traced.verdict)
    return 'the oracle expects another verdict than the trace';
  if (verdict !== null && expected.candidates.join() !== traced.candidates.join())
    return 'the oracle expects other candidates than the trace';
  // Let through untouched, but nobody listens there.
  const isDeaf = traced.service === null && traced.answeredBy === null && real.verdict === 'refused';
  if (traced.verdict === 'allowed' && isDeaf) return null;
  if (traced.verdict !== real.verdict) return 'packets meet another verdict than the trace';
  if (real.verdict !== 'allowed') return null;
  return traced.service === null ? directDifference(compared) : serviceDifference(compared, cluster);
}

function directDifference({ real, traced }: Compared): string | null {
  if (real.answeredBy === ('external' as ProbeAnswer['answeredBy'])) return null;
  if (real.answeredBy !== traced.answeredBy) return 'another pod answers than the trace says';
  return real.clientSeen === traced.clientSeen ? null : 'the pod sees another client than the trace says';
}

function serviceDifference(
  { probe, real, traced, expected, isUnmasked }: Compared,
  cluster: Cluster,
): string | null {
  const servers = hostsOf(traced.candidates).filter((host) => isServer(cluster, host, real.answeredBy));
  if (servers.length === 0) return 'somebody answers who is no candidate';
  // What went on to another node is judged there; the trace follows it, the oracle does not.
  if (expected.verdict === 'untouched') return null;
  const masqueraded = new Set(hostsOf(expected.masqueraded));
  const own = new Set(
    cluster.nodes.find(({ name }) => name === probe.node)?.addresses.map(({ address }) => address),
  );
  const client = real.clientSeen ?? ('' as Address);
  const fits = (server: Address) =>
    masqueraded.has(server)
      ? own.has(client) || (isUnmasked && isClientItself(probe, server, client))
      : client === probe.sourceAddress || isOwnChoice(probe, own, client);
  return servers.some(fits) ? null : 'the server sees a client that it should not see';
}

/** A pod that is its own server sees the address that stands for itself then. */
function isClientItself({ sourceAddress }: Probe, server: Address, client: Address): boolean {
  return client === sourceAddress || (server === sourceAddress && MIRRORS.includes(client));
}

/** A node with several addresses sends from the one that suits the way. */
function isOwnChoice({ sourceAddress }: Probe, own: ReadonlySet<Address>, client: Address): boolean {
  return own.has(sourceAddress) && own.has(client);
}

function isServer({ nodes, pods }: Cluster, host: Address, name: ProbeAnswer['answeredBy']): boolean {
  const atHost = pods.filter(({ addresses }) => addresses.includes(host));
  if (atHost.length > 0) return atHost.some((pod) => `${pod.namespace}/${pod.name}` === name);
  const isNode = nodes.some(({ addresses }) => addresses.some(({ address }) => address === host));
  return !isNode && (name as string | null) === 'external';
}

function hostsOf(endpoints: readonly string[]): readonly Address[] {
  return endpoints.map((each) => each.replace(/:\d+$/, '').replace(/^\[|\]$/g, '') as Address);
}
