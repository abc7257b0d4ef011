/** Node-wide rows and service addresses → elements. */
import { type Address, familyOf, type Prefix } from '../../model/address.ts';
import type { NodeRows, ServiceAddressRow } from '../../model/rows.ts';
import { addressKey, byteKey, type Element, intervalElements } from './element.ts';
import { DIRECTIONS, familySet } from './layout.ts';

const TRANSPORTS = [6, 17, 132] as const;
const ICMP_PROTOCOL = { IPv4: 1, IPv6: 58 } as const;

export function lowerNode(node: NodeRows): readonly Element[] {
  const interval = (name: Parameters<typeof familySet>[0], prefixes: readonly Prefix[]) =>
    intervalElements((family) => familySet(name, family), prefixes);
  return [
    ...interval('inside', node.inside),
    ...interval('node-port-address', node.nodePortAddresses),
    ...interval('service-cidr', node.serviceCidrs),
    ...interval('masquerade-source', node.masqueradeSources),
    ...interval('non-masquerade', node.nonMasquerade),
    ...node.otherNodeAddresses.map((address) => ({
      set: familySet('other-node', familyOf(address)),
      key: addressKey(address),
    })),
    ...firstOfEachFamily(node.nodeAddresses).map((address) => ({
      set: familySet('echo', familyOf(address)),
      key: byteKey(ICMP_PROTOCOL[familyOf(address)]),
      data: addressKey(address),
    })),
    ...(node.masqueradeAll ? TRANSPORTS : []).map(
      (protocol): Element => ({ set: 'masquerade-all', key: byteKey(protocol) }),
    ),
  ];
}

/** `externalClusterIp`: what the outside meets at undefined ports of cluster IPs (see NodeRows). */
export function lowerAddress(
  row: ServiceAddressRow,
  externalClusterIp: NodeRows['externalClusterIp'],
): readonly Element[] {
  const family = familyOf(row.address);
  const key = addressKey(row.address);
  const isClusterIp = row.kind === 'clusterIP';
  const isHidden = isClusterIp && externalClusterIp === 'drop';
  const reachableFrom = DIRECTIONS.filter((direction) => direction === 'inside' || !isHidden);
  const pingable = row.pingable ? reachableFrom : [];
  return [
    ...pingable.map((direction) => ({ set: familySet(`pingable-${direction}`, family), key })),
    // Only cluster IPs belong to Services alone; other addresses may serve other things at other ports.
    ...(isClusterIp ? [{ set: familySet('cluster-ip', family), key }] : []),
    ...(isHidden ? [{ set: familySet('hidden-cluster-ip', family), key }] : []),
  ];
}

function firstOfEachFamily(addresses: readonly Address[]): readonly Address[] {
  return addresses.filter(
    (address, index) => addresses.findIndex((other) => familyOf(other) === familyOf(address)) === index,
  );
}
