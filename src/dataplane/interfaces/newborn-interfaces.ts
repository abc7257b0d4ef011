/** Veths that may be a pod's which has no address yet: strangers are known by theirs only. */
import { listAddresses, listInterfaces, watchNetwork } from '../../kernel/network.ts';

/** Indexes of veths into other namespaces on which the node has no address itself, and that are no port of anything. */
export async function listNewbornInterfaces(): Promise<readonly number[]> {
  const [interfaces, addresses] = await Promise.all([listInterfaces(), listAddresses()]);
  const addressed = new Set(addresses.map(({ interfaceIndex }) => interfaceIndex));
  return interfaces
    .filter(
      ({ kind, peer, master }) =>
        kind === 'veth' && peer !== null && peer.namespace !== null && master === null,
    )
    .map(({ index }) => index)
    .filter((index) => !addressed.has(index));
}

/** Calls back when an interface came, went or changed, until the result is called. */
export function watchInterfaces(onChange: () => void): () => void {
  return watchNetwork((changes) => {
    // Null: some were lost.
    if (changes === null || changes.some(({ kind }) => kind === 'interface')) onChange();
  });
}
