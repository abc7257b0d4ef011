/** Whose connections conntrack of a node translated: proof of who did. */
import { listConntrack } from '../../src/kernel/conntrack.ts';
import type { LabCluster } from './lab-cluster.ts';

/** Whether an entry with another destination than was dialled has this pod for its client, by pod. */
export async function translatedFor(
  lab: LabCluster,
  node: string,
  pods: readonly string[],
): Promise<Readonly<Record<string, boolean>>> {
  const place = { networkNamespace: lab.netns(`node/${node}`) };
  const lists = await Promise.all(
    (['IPv4', 'IPv6'] as const).map((family) => listConntrack({ family }, place)),
  );
  const clients = new Set(
    lists
      .flat()
      .filter(({ destinationTranslated }) => destinationTranslated)
      .map(({ original }) => String(original.source)),
  );
  const found = await Promise.all(
    pods.map(async (pod) => {
      const shown = await lab.inside(pod, 'ip', '-json', 'address', 'show', 'scope', 'global');
      const interfaces = JSON.parse(shown) as { addr_info: { local: string }[] }[];
      const addresses = interfaces.flatMap(({ addr_info }) => addr_info.map(({ local }) => local));
      return [pod, addresses.some((address) => clients.has(address))] as const;
    }),
  );
  return Object.fromEntries(found);
}
