/** When a server sees the node's address instead of its client's: only where its reply would not come back otherwise. */
import type { Address, Prefix } from '../../src/model/address.ts';
import type { CompileOptions } from '../../src/model/compile-options.ts';
import type { Place } from './endpoints.ts';
import { isWithin } from './frontends.ts';
import type { Cluster, Question } from './question.ts';

/** Those of the places that would see an address of the node. */
export function masqueradedPlaces(
  cluster: Cluster,
  question: Question,
  options: CompileOptions,
  places: readonly Place[],
): readonly Place[] {
  return places.filter((place) => options.masqueradeAll || isMasqueraded(cluster, question, options, place));
}

function isMasqueraded(cluster: Cluster, question: Question, options: CompileOptions, place: Place): boolean {
  const { source, node } = question;
  if (source.address === place.address) return true;
  if (isOnNode(cluster, place, node)) return false;
  if (source.origin === 'outside') return true;
  if (source.origin === 'node') {
    return !cluster.nodes.some(
      (each) => each.name === node && each.addresses.some(({ address }) => address === source.address),
    );
  }
  return options.masqueradePods && !staysInside(cluster, options, place.address);
}

/** Where the slice says it is; where it says nothing, where the address is. */
function isOnNode(cluster: Cluster, place: Place, node: string): boolean {
  if (place.nodeName !== null) return place.nodeName === node;
  return (
    cluster.pods.some((pod) => pod.nodeName === node && pod.addresses.includes(place.address)) ||
    cluster.nodes.some(
      (each) => each.name === node && each.addresses.some(({ address }) => address === place.address),
    )
  );
}

function staysInside(cluster: Cluster, options: CompileOptions, address: Address): boolean {
  const podNetworks: readonly Prefix[] = options.clusterCidrs;
  const isPod =
    podNetworks.length > 0
      ? isWithin(podNetworks, address)
      : cluster.nodes.some((node) => isWithin(node.podCidrs, address)) ||
        cluster.pods.some((pod) => pod.addresses.includes(address));
  const isNode = cluster.nodes.some((node) => node.addresses.some((each) => each.address === address));
  return isPod || isNode || isWithin([...options.serviceCidrs, ...options.nonMasqueradeCidrs], address);
}
