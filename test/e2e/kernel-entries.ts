/** How much stands in the kernel for policies, by table. */
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import type { LabCluster } from './lab-cluster.ts';
import type { PolicyBackendName } from './policy-lab.ts';

/** The last number given stays in `names` and `rule_hits`: it is not given again. */
const MAPS = ['subjects', 'peer_addresses', 'peer_prefixes', 'verdict_groups', 'port_verdicts'];
/** What the kernel adds for open flows, and what ends by itself. */
const LEARNT = ['judged'];

export async function kernelEntries(
  lab: Pick<LabCluster, 'name' | 'inside'>,
  backend: PolicyBackendName,
  onNode: string,
): Promise<Readonly<Record<string, number>>> {
  return Object.fromEntries(
    backend === 'bpf' ? await mapSizes(`lab-${lab.name}-${onNode}`) : await setSizes(lab, onNode),
  );
}

async function mapSizes(instance: string): Promise<readonly (readonly [string, number])[]> {
  const native = nativeAddon();
  return Promise.all(
    MAPS.map(async (name) => {
      const map = await native.openPinned(`${pinDirectory(instance)}/maps/${name}`);
      const { count } = await native.readMap(map);
      native.closeDescriptor(map);
      return [name, count] as const;
    }),
  );
}

interface Listed {
  readonly set?: { readonly name: string; readonly elem?: readonly unknown[] };
  readonly map?: { readonly name: string; readonly elem?: readonly unknown[] };
}

async function setSizes(lab: Pick<LabCluster, 'inside'>, onNode: string) {
  const text = await lab.inside(`node/${onNode}`, 'nft', '-j', 'list', 'table', 'inet', 'weir-policy');
  const { nftables } = JSON.parse(text) as { readonly nftables: readonly Listed[] };
  return nftables.flatMap(({ set, map }) => {
    const found = set ?? map;
    return found === undefined || LEARNT.includes(found.name)
      ? []
      : [[found.name, found.elem?.length ?? 0] as const];
  });
}
