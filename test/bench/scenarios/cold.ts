/** Cold start: a whole cluster, none of it in the kernel yet. Wall time and peak memory. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureAgentStart } from '../agent-process.ts';
import { writeManifests } from '../cluster-manifests.ts';
import type { ClusterShape } from '../cluster-shape.ts';
import { startDataPath } from '../data-path-process.ts';
import { peakRssMb } from '../memory.ts';
import { createNamespace, removeNamespaces, spawnInNamespace } from '../namespaces.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario, ScenarioContext } from '../scenario.ts';
import { kubeProxyNftables } from '../shapes/kube-proxy-nftables.ts';

interface Cost {
  readonly wallMs: number;
  readonly peakRssMb: number;
}

interface Variant {
  readonly name: string;
  readonly measure: (namespace: string) => Promise<Cost>;
}

const BASELINE = 'kube-proxy nftables shape, nft -f';
const POLL_MS = 5;

export const COLD: Scenario = {
  name: 'cold',
  about: 'full compile and load of many Services × 10 endpoints into an empty kernel',
  async run(context) {
    const shape: ClusterShape = { services: context.quick ? 1_000 : 10_000, endpoints: 10, target: null };
    const variants = prepare(shape, context);
    const costs = await runInterleaved(
      variants,
      { rounds: context.rounds ?? 3, warmUps: 0, random: context.random },
      async (variant) => {
        const namespace = createNamespace('cold');
        try {
          const cost = await variant.measure(namespace);
          context.progress(
            `${variant.name}: ${Math.round(cost.wallMs)} ms, ${Math.round(cost.peakRssMb)} MB`,
          );
          return cost;
        } finally {
          removeNamespaces([namespace]);
        }
      },
    );
    return [...costs].flatMap(([variant, values]) => seriesOf(variant.name, shape, values));
  },
};

function prepare(shape: ClusterShape, context: ScenarioContext): Variant[] {
  context.progress(
    `writing ${shape.services} Services × ${shape.endpoints} endpoints as manifests and as a ruleset`,
  );
  const folders = { json: join(context.folder, 'json'), yaml: join(context.folder, 'yaml') };
  writeManifests(shape, folders.json, 'json');
  writeManifests(shape, folders.yaml, 'yaml');
  const ruleset = join(context.folder, 'kube-proxy.nft');
  writeFileSync(ruleset, kubeProxyNftables(shape).join('\n'));
  return [
    { name: BASELINE, measure: (namespace) => measureNft(namespace, ruleset) },
    {
      name: 'weir, objects in memory',
      async measure(namespace) {
        const process = startDataPath(namespace);
        try {
          return await process.load(shape, []);
        } finally {
          await process.exit();
        }
      },
    },
    {
      name: 'weir agent, folder of JSON',
      measure: (namespace) => measureAgentStart(namespace, folders.json, shape.services),
    },
    {
      name: 'weir agent, folder of YAML',
      measure: (namespace) => measureAgentStart(namespace, folders.yaml, shape.services),
    },
  ];
}

/** Loads a ruleset with the `nft` command; memory is polled, since a process that ended has none to read. */
async function measureNft(namespace: string, ruleset: string): Promise<Cost> {
  const start = performance.now();
  const nft = spawnInNamespace(namespace, 'nft', ['-f', ruleset], ['ignore', 2, 2]);
  let peak = 0;
  const poll = setInterval(() => {
    peak = Math.max(peak, peakRssMb(nft.pid ?? 0));
  }, POLL_MS);
  const code = await new Promise((resolve, reject) => nft.once('exit', resolve).once('error', reject));
  clearInterval(poll);
  if (code !== 0) throw new Error(`nft -f ${ruleset} ended with ${code}`);
  return { wallMs: performance.now() - start, peakRssMb: peak };
}

function seriesOf(variant: string, shape: ClusterShape, costs: readonly Cost[]): Series[] {
  const common = { scenario: `cold ${shape.services}×${shape.endpoints}`, variant, baseline: BASELINE };
  return [
    { ...common, metric: 'wall time', unit: 'ms', values: costs.map((cost) => cost.wallMs) },
    { ...common, metric: 'peak memory', unit: 'MB', values: costs.map((cost) => cost.peakRssMb) },
  ];
}
