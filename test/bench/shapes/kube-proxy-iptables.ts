/**
 * Rules of the shape that kube-proxy's iptables mode writes: one list of Services that is walked from its start, a chain
 * per Service that draws an endpoint by probability, a chain per endpoint. Chain names are ours.
 */
import {
  CLUSTER_CIDR,
  type ClusterShape,
  endpointsOf,
  SERVICE_PORT,
  serviceAddress,
} from '../cluster-shape.ts';

/** Text for `iptables-restore`: the nat and filter tables with the whole cluster in them. */
export function kubeProxyIptables(shape: ClusterShape): string {
  const indexes = Array.from({ length: shape.services }, (_, index) => index);
  const chains = indexes.flatMap((index) => [
    `:SVC-${index} - [0:0]`,
    ...endpointsOf(shape, index).map((_, endpoint) => `:SEP-${index}-${endpoint} - [0:0]`),
  ]);
  return [
    ...FILTER,
    '*nat',
    ...['SERVICES', 'NODEPORTS', 'MARK-MASQ', 'POSTROUTING-PEER'].map((chain) => `:${chain} - [0:0]`),
    ...chains,
    '-A PREROUTING -j SERVICES',
    '-A OUTPUT -j SERVICES',
    '-A POSTROUTING -j POSTROUTING-PEER',
    '-A MARK-MASQ -j MARK --or-mark 0x4000',
    '-A POSTROUTING-PEER -m mark ! --mark 0x4000/0x4000 -j RETURN',
    '-A POSTROUTING-PEER -j MARK --xor-mark 0x4000',
    '-A POSTROUTING-PEER -j MASQUERADE --random-fully',
    ...indexes.map((index) => `-A SERVICES ${destination(index)} -j SVC-${index}`),
    '-A SERVICES -m addrtype --dst-type LOCAL -j NODEPORTS',
    ...indexes.flatMap((index) => serviceRules(shape, index)),
    'COMMIT',
    '',
  ].join('\n');
}

const FILTER = [
  '*filter',
  ':EXTERNAL-SERVICES - [0:0]',
  ':PROXY-FORWARD - [0:0]',
  '-A INPUT -m conntrack --ctstate NEW -j EXTERNAL-SERVICES',
  '-A FORWARD -j PROXY-FORWARD',
  '-A FORWARD -m conntrack --ctstate NEW -j EXTERNAL-SERVICES',
  '-A PROXY-FORWARD -m conntrack --ctstate INVALID -j DROP',
  '-A PROXY-FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT',
  '-A PROXY-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
  'COMMIT',
];

function destination(index: number): string {
  return `-d ${serviceAddress(index)}/32 -p tcp -m tcp --dport ${SERVICE_PORT}`;
}

function serviceRules(shape: ClusterShape, index: number): string[] {
  const endpoints = endpointsOf(shape, index);
  return [
    `-A SVC-${index} ! -s ${CLUSTER_CIDR} ${destination(index)} -j MARK-MASQ`,
    ...endpoints.map((_, endpoint) => {
      const left = endpoints.length - endpoint;
      const draw = left === 1 ? '' : `-m statistic --mode random --probability ${(1 / left).toFixed(10)} `;
      return `-A SVC-${index} ${draw}-j SEP-${index}-${endpoint}`;
    }),
    ...endpoints.flatMap(({ address, port }, endpoint) => [
      `-A SEP-${index}-${endpoint} -s ${address}/32 -j MARK-MASQ`,
      `-A SEP-${index}-${endpoint} -p tcp -m tcp -j DNAT --to-destination ${address}:${port}`,
    ]),
  ];
}
