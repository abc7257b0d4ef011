/**
 * Random sets of policies with real packets: every pod asks every pod on each port in both families, and the lab, the trace
 * and the oracle must agree. WEIR_LAB_POLICY_SETS says how many beside those that hold all pairs of features,
 * WEIR_LAB_POLICY_SEED which.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultCompileOptions } from '../../src/agent/configuration.ts';
import { completeObjects } from '../../src/cluster/complete.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../../src/cluster/options.ts';
import { traceManifests } from '../../src/explain/trace.ts';
import type { NodeName, Protocol } from '../../src/model/names.ts';
import type { PodObject, WeirObject } from '../../src/model/objects.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { parseObject } from '../../src/source/parse-object.ts';
import { policySets } from '../oracle/generated-policies.ts';
import { coveringSets } from '../oracle/policy-features.ts';
import { expectPolicy, type PolicyCluster, policyClusterOf } from '../oracle/policy-oracle.ts';
import { policyManifest } from './generated-policy-manifests.ts';
import type { Question } from './lab-cluster.ts';
import { type Manifest, node, pod } from './manifests.ts';
import { POLICY_BACKENDS, usePolicyLab } from './policy-lab.ts';
import { namespace } from './policy-manifests.ts';

const MORE = Number(process.env.WEIR_LAB_POLICY_SETS ?? 5);
const SEED = Number(process.env.WEIR_LAB_POLICY_SEED ?? 7);
/** Those that hold every pair of the API's features, and others. */
const SETS = [...coveringSets(), ...fc.sample(policySets, { seed: SEED, numRuns: MORE })];
const PORTS = [
  { containerPort: 80, name: 'http' },
  { containerPort: 8080 },
  { containerPort: 53, protocol: 'UDP' as const, name: 'dns' },
];
const LABELS: readonly Readonly<Record<string, string>>[] = [
  { app: 'web' },
  { app: 'db', tier: 'front' },
  { tier: '' },
];

const CLUSTER: readonly Manifest[] = [
  node('n1', { labels: { app: 'web' } }),
  node('n2', { labels: { tier: 'front' } }),
  namespace('x', { app: 'web' }),
  namespace('y', { tier: 'front' }),
  namespace('z'),
  ...['x', 'y', 'z'].flatMap((of, row) =>
    ['a', 'b', 'c'].map((name, column) => podOf(of, name, row * 3 + column)),
  ),
];

/** At an address that the generator's blocks are about. */
function podOf(of: string, name: string, number: number): Manifest {
  const onNode = `n${(number % 2) + 1}`;
  const labels = LABELS[number % LABELS.length] ?? {};
  const manifest = pod(name, { namespace: of, node: onNode, labels, ports: PORTS });
  const podIPs = [{ ip: `10.1.${number % 3}.${number + 1}` }, { ip: `fd00:1::${number + 1}` }];
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

const PODS = CLUSTER.filter(({ kind }) => kind === 'Pod').map(
  ({ metadata }) => metadata as { namespace: string; name: string },
);
const QUESTIONS: readonly Question[] = PODS.flatMap((from) =>
  PODS.flatMap((to) =>
    PORTS.flatMap(({ containerPort, protocol }) =>
      ([4, 6] as const).map((family) => ({
        from: `${from.namespace}/${from.name}`,
        to: `${to.namespace}/${to.name}`,
        port: containerPort,
        protocol: protocol === 'UDP' ? ('udp' as const) : ('tcp' as const),
        family,
      })),
    ),
  ),
);

describe.each(POLICY_BACKENDS)('random policies on %s', (backend) => {
  const lab = usePolicyLab(backend, CLUSTER);

  it(`[C1] [C4] [C5] [C6] [C7] [C8] [C9] [C20] [C25] [C26] [I11] [I16] packets, trace and oracle agree`, {
    timeout: 3_600_000,
  }, async () => {
    const met = new Set<string>();
    for (const policies of SETS) {
      const manifests = policies.map(policyManifest);
      await lab.during(manifests, async () => {
        const wrong = differences(
          manifests,
          (await lab.probe(...QUESTIONS)).map(({ verdict }) => verdict),
        );
        expect({ manifests, wrong: wrong.slice(0, 5) }).toEqual({ manifests, wrong: [] });
      });
      for (const { kind } of manifests) met.add(kind);
    }
    expect(met).toEqual(new Set(['NetworkPolicy', 'ClusterNetworkPolicy']));
  });
});

/** Where the packets' verdict is not that of the oracle, or of the trace. */
function differences(policies: readonly Manifest[], real: readonly string[]): readonly object[] {
  const objects = completed([...CLUSTER, ...policies]);
  const cluster = policyClusterOf(objects);
  const compile = { ...defaultCompileOptions('' as NodeName), masqueradePods: true };
  const requests = QUESTIONS.map((question) => parseProbeRequest(question));
  const traced = traceManifests({ objects, requests, options: { compile, node: null } });
  return QUESTIONS.flatMap((question, index) => {
    const line = traced[index];
    const answers = {
      real: real[index],
      traced: line !== undefined && 'verdict' in line ? line.verdict : line,
      expected: expectedVerdict(cluster, question),
    };
    const agree = new Set(Object.values(answers)).size === 1;
    return agree ? [] : [{ question, ...answers }];
  });
}

function expectedVerdict(cluster: PolicyCluster, { from, to, port, protocol, family }: Question): string {
  const [client, server] = [podNamed(cluster, from), podNamed(cluster, to)];
  const addressOf = (of: PodObject) =>
    of.addresses.find((address) => address.includes(':') === (family === 6));
  const [source, destination] = [addressOf(client), addressOf(server)];
  if (source === undefined || destination === undefined) throw new Error(`${from} or ${to} lacks the family`);
  if (client === server) return 'allowed';
  const asked = { protocol: (protocol === 'udp' ? 'UDP' : 'TCP') as Protocol, port: Number(port) };
  const ends = [
    expectPolicy(cluster, { ...asked, subject: client, direction: 'egress', peer: destination }),
    expectPolicy(cluster, { ...asked, subject: server, direction: 'ingress', peer: source }),
  ];
  return ends.every(({ verdict }) => verdict === 'allow') ? 'allowed' : 'blocked';
}

function podNamed({ pods }: PolicyCluster, name: string): PodObject {
  const found = pods.find((each) => `${each.namespace}/${each.name}` === name);
  if (found === undefined) throw new Error(`no pod ${name}`);
  return found;
}

function completed(manifests: readonly Manifest[]): readonly WeirObject[] {
  const parsed = manifests.flatMap((manifest) => {
    const result = parseObject(manifest, 'generated.json');
    return result.type === 'object' ? [result.object] : [];
  });
  return completeObjects(parsed, DEFAULT_CLUSTER_OPTIONS).objects;
}
