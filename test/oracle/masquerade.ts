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
  return places.filter(
    (place) =>
      !isDeliveredHere(cluster, question, place) &&
      (options.masqueradeAll || isMasqueraded(cluster, question, options, place)),
  );
}

function isMasqueraded(cluster: Cluster, question: Question, options: CompileOptions, place: Place): boolean {
  const { source, node } = question;
  if (source.address === place.address) return true;
  if (isOnNode(cluster, place, node)) return false;
  if (source.origin === 'pod') return options.masqueradePods && !staysInside(cluster, options, place.address);
  if (source.origin === 'outside') return true;
  return !hasAddress(cluster, node, source.address);
}

/** The node is the server: it reads the packet as it came, unless it sent it itself. */
function isDeliveredHere(cluster: Cluster, { source, node }: Question, place: Place): boolean {
  return source.origin !== 'node' && hasAddress(cluster, node, place.address);
}

function hasAddress(cluster: Cluster, node: string, address: Address): boolean {
  const own = cluster.nodes.find(({ name }) => name === node)?.addresses ?? [];
  return own.some((each) => each.address === address);
}

/** Where the slice says it is; where it says nothing, where the address is. */
function isOnNode(cluster: Cluster, place: Place, node: string): boolean {
  if (place.nodeName !== null) return place.nodeName === node;
  return (
    cluster.pods.some((pod) => pod.nodeName === node && pod.addresses.includes(place.address)) ||
    hasAddress(cluster, node, place.address)
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
