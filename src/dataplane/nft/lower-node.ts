/** Node-wide rows and service addresses → elements. */
import { type Address, familyOf, type Prefix } from '../../model/address.ts';
import type { NodeRows, ServiceAddressRow } from '../../model/rows.ts';
import { addressKey, byteKey, type Element, intervalElements } from './element.ts';
import { DIRECTIONS, type Direction, familySet } from './layout.ts';

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
  return DIRECTIONS.flatMap((direction): Element[] => {
    const hidden = row.kind === 'clusterIP' && direction === 'outside' && externalClusterIp === 'drop';
    const ping: Element = { set: familySet(`pingable-${direction}`, family), key };
    const chain = otherPorts(row, direction, externalClusterIp);
    return [
      ...(row.pingable && !hidden ? [ping] : []),
      ...(chain === undefined
        ? []
        : [{ set: familySet(`address-${direction}`, family), key, data: { code: 'goto', chain } } as const]),
    ];
  });
}

/** Only cluster IPs belong to Services alone; load-balancer and external IPs may serve other things at other ports. */
function otherPorts(
  row: ServiceAddressRow,
  direction: Direction,
  externalClusterIp: NodeRows['externalClusterIp'],
): string | undefined {
  if (row.kind !== 'clusterIP') return undefined;
  return direction === 'inside' || externalClusterIp === 'reject' ? 'refuse' : 'discard';
}

function firstOfEachFamily(addresses: readonly Address[]): readonly Address[] {
  return addresses.filter(
    (address, index) => addresses.findIndex((other) => familyOf(other) === familyOf(address)) === index,
  );
}
