/** Interfaces that look like a pod's, whoever made them and whether or not the pod is known. */
import { listAddresses, listInterfaces, type NetworkPlace, watchNetwork } from '../../kernel/network.ts';

/** Veths into other network namespaces on which the node has no address but of the link: an uplink has one. */
export async function listPodLikeInterfaces(place: NetworkPlace = {}): Promise<readonly number[]> {
  const [interfaces, addresses] = await Promise.all([listInterfaces(place), listAddresses(place)]);
  const addressed = new Set(addresses.map(({ interfaceIndex }) => interfaceIndex));
  return interfaces
    .filter(({ kind, peer }) => kind === 'veth' && peer !== null && peer.namespace !== null)
    .map(({ index }) => index)
    .filter((index) => !addressed.has(index));
}

/** Calls back when an interface came or changed, until the result is called. */
export function watchInterfaces(onChange: () => void, place: NetworkPlace = {}): () => void {
  return watchNetwork((changes) => {
    // Null: some were lost.
    if (changes === null || changes.some(({ kind }) => kind === 'interface')) onChange();
  }, place);
}
