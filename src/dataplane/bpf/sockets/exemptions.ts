/** Pods whose sockets are left to nft: their network namespaces, in the table that the programs look into. */
import { TABLES } from '../../../generated/socket.ts';
import { openTable } from '../../../kernel/bpf-table.ts';
import { networkNamespacesOf } from '../../../kernel/cgroup.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import { listAddresses } from '../../../kernel/network.ts';
import type { Address } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import { createWorkQueue } from '../../work-queue.ts';

/** By pod its addresses, which no other pod of the node has. */
export type ExemptPods = ReadonlyMap<ObjectName, readonly Address[]>;

interface KnownPod {
  readonly addresses: readonly Address[];
  /** Cookies of the namespaces that have any of them. */
  readonly namespaces: readonly number[];
}

/**
 * Exempts these pods and no others, again and again; resolves with those of which no process is to be seen in `cgroup`. What
 * is known of a pod stays as long as its addresses do. Rejects with the kernel's Error.
 */
export function createExemptions(
  cgroup: string,
  map: Descriptor,
): (pods: ExemptPods) => Promise<readonly ObjectName[]> {
  const table = openTable(map, TABLES.exempt_namespaces);
  let known: ReadonlyMap<ObjectName, KnownPod> = new Map();
  const exempt = async (pods: ExemptPods): Promise<readonly ObjectName[]> => {
    const namespaces =
      pods.size === 0 ? new Map<Address, readonly number[]>() : await namespaceCookiesIn(cgroup);
    const next = new Map<ObjectName, KnownPod>();
    for (const [pod, addresses] of pods) {
      const found = addresses.flatMap((address) => namespaces.get(address) ?? []);
      const last = known.get(pod);
      const isSame = last !== undefined && last.addresses.join() === addresses.join();
      if (found.length > 0) next.set(pod, { addresses, namespaces: found });
      else if (isSame) next.set(pod, last);
    }
    known = next;
    const wanted = new Set([...next.values()].flatMap((pod) => pod.namespaces));
    const standing = new Set((await table.entries()).map(([{ cookie }]) => cookie));
    await table.set([...wanted].filter((cookie) => !standing.has(cookie)).map((cookie) => [{ cookie }, 1]));
    await table.delete([...standing].filter((cookie) => !wanted.has(cookie)).map((cookie) => ({ cookie })));
    return [...pods.keys()].filter((pod) => !next.has(pod));
  };
  const exclusively = createWorkQueue();
  return (pods) => exclusively(() => exempt(pods));
}

/** By address the cookies of the network namespaces in the cgroup that have it. */
export async function namespaceCookiesIn(cgroup: string): Promise<ReadonlyMap<Address, readonly number[]>> {
  const cookies = new Map<Address, readonly number[]>();
  for (const networkNamespace of await networkNamespacesOf(cgroup)) {
    // With its last process a namespace goes; some may not be entered.
    const [cookie, addresses] = await Promise.all([
      nativeAddon().networkNamespaceCookie(networkNamespace),
      listAddresses({ networkNamespace }),
    ]).catch(() => [0, []] as const);
    for (const { address } of addresses) cookies.set(address, [...(cookies.get(address) ?? []), cookie]);
  }
  return cookies;
}
