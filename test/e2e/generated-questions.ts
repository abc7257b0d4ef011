/** What can be asked about a generated cluster: every sender, at every address and port that something may serve. */
import { type Address, prefixContains } from '../../src/model/address.ts';
import type { Port, Protocol } from '../../src/model/names.ts';
import { type ParsedRequest, parseProbeRequest } from '../../src/model/probe-request.ts';
import { unroutableReason } from '../../src/model/unroutable-address.ts';
import type { Cluster } from '../oracle/question.ts';
import type { Question } from './lab-cluster.ts';

/** Clients outside that no generated slice has an address of; their source ranges differ from the usual client's. */
const STRANGERS = [
  { from: 'external/192.0.2.42', family: 4 },
  { from: 'external/2001:db8:c0::42', family: 6 },
] as const;
/** Addresses that nobody has, in the service ranges. */
const UNALLOCATED = ['10.96.200.200', 'fd96::200'] as readonly string[] as readonly Address[];
/** Asked at every Service and pod address, whether or not something serves it. */
const BESIDE = [
  { port: 81, protocol: 'TCP' },
  { port: 8080, protocol: 'TCP' },
  { port: 8081, protocol: 'UDP' },
] as const;

type Sender = Pick<Question, 'from' | 'node' | 'family'>;
interface Target {
  readonly to: Address;
  readonly port: number;
  readonly protocol: Protocol;
}

/** All questions, in an order that depends only on the cluster. */
export function questionsAbout(cluster: Cluster): readonly ParsedRequest[] {
  const targets = [...new Map(targetsOf(cluster).map((each) => [Object.values(each).join(), each])).values()];
  return sendersOf(cluster).flatMap(({ family, ...sender }) =>
    targets
      .filter(({ to }) => family === undefined || to.includes(':') === (family === 6))
      .map(({ protocol, ...target }) =>
        parseProbeRequest({ ...sender, ...target, protocol: protocol.toLowerCase() }),
      ),
  );
}

function sendersOf({ nodes, pods }: Cluster): readonly Sender[] {
  return [
    ...pods.map(({ namespace, name }) => ({ from: `${namespace}/${name}` })),
    ...nodes.map(({ name }) => ({ from: `node/${name}` })),
    ...nodes.flatMap(({ name: node }) => [
      { from: 'external', node },
      ...STRANGERS.map((each) => ({ ...each, node })),
    ]),
  ];
}

function targetsOf({ nodes, pods, services }: Cluster): readonly Target[] {
  const nodeAddresses = nodes.flatMap(({ addresses }) => addresses.map(({ address }) => address));
  const at = (addresses: readonly Address[], port: Port | null, protocol: Protocol): readonly Target[] =>
    port === null ? [] : addresses.map((to) => ({ to, port, protocol }));
  // An address that no pod has there is routed to the network's node, not to where the question enters.
  const isPodNetwork = (address: Address) =>
    nodes.some(({ podCidrs }) => podCidrs.some((network) => prefixContains(network, address)));
  const virtual = services.map((service) => ({
    ports: service.ports,
    addresses: [
      ...(service.clusterIps === 'headless' ? [] : service.clusterIps),
      ...service.externalIps,
      ...service.loadBalancerIngress.map(({ address }) => address),
    ].filter((address) => unroutableReason(address) === null && !isPodNetwork(address)),
  }));
  const known = [...virtual.flatMap(({ addresses }) => addresses), ...pods.flatMap((pod) => pod.addresses)];
  return [
    ...virtual.flatMap(({ ports, addresses }) =>
      ports.flatMap(({ port, nodePort, protocol }) => [
        ...at(addresses, port, protocol),
        ...at(nodeAddresses, nodePort, protocol),
      ]),
    ),
    ...pods.flatMap(({ ports }) =>
      ports.flatMap(({ hostPort, protocol }) => at(nodeAddresses, hostPort, protocol)),
    ),
    ...BESIDE.flatMap(({ port, protocol }) => at([...known, ...UNALLOCATED], port as Port, protocol)),
  ];
}
