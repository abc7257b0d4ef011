/** A client and a server on one node, and policies that select both of them: what packets between the two are judged by. */
import { type Address, type Prefix, parseAddress, parsePrefix } from '../../src/model/address.ts';
import type { NodeName, Port } from '../../src/model/names.ts';
import type { NetworkPolicyObject, PodObject, WeirObject } from '../../src/model/objects.ts';
import type { PolicyPeer, PolicyPort } from '../../src/model/policy.ts';
import { namespaceObject, networkPolicyObject, nodeObject, podObject } from '../objects.ts';
import { NODE_ADDRESS } from './cluster-shape.ts';
import { CLIENT_ADDRESS, SERVER_ADDRESS } from './namespaces.ts';

export const PAIR_NODE = 'bench-node' as NodeName;
const NAMESPACE = 'bench';
/** What the client may reach of the server. */
export const OPEN_PORTS = { connections: 8080, persistent: 8081 };
/** What it may not. */
export const CLOSED_PORT = 8082;

/**
 * The first policy lets the client reach the open ports of the server; each of the others lets in, and lets out to, an
 * address of its own.
 */
export function pairCluster(policies: number): readonly WeirObject[] {
  return [
    nodeObject({
      name: PAIR_NODE,
      addresses: [{ type: 'InternalIP', address: parseAddress(NODE_ADDRESS) as Address }],
    }),
    namespaceObject({ name: NAMESPACE }),
    pod('client', CLIENT_ADDRESS),
    pod('server', SERVER_ADDRESS),
    ...Array.from({ length: policies }, (_, index) =>
      index === 0
        ? policy(index, { type: 'pods', namespaces: NAMESPACE, pods: [] })
        : policy(index, { type: 'networks', blocks: [{ cidr: strangerOf(index), except: [] }] }),
    ),
  ];
}

function pod(name: string, address: string): PodObject {
  return podObject({
    namespace: NAMESPACE,
    name,
    nodeName: PAIR_NODE,
    addresses: [parseAddress(address) as Address],
  });
}

function policy(index: number, peer: PolicyPeer): NetworkPolicyObject {
  const ports = Object.values(OPEN_PORTS).map(
    (port): PolicyPort => ({ type: 'range', protocol: 'TCP', first: port as Port, last: port as Port }),
  );
  const rules = [{ name: '', action: 'Accept' as const, peers: [peer], ports }];
  return networkPolicyObject({
    namespace: NAMESPACE,
    name: `policy-${index}`,
    podSelector: [],
    ingress: rules,
    egress: rules,
  });
}

function strangerOf(index: number): Prefix {
  return parsePrefix(`10.${128 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}/32`) as Prefix;
}
