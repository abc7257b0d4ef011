/** The generator has to meet every pair of the API's features in one rule: else the oracle is never asked about it. */
import { expect, it } from 'vitest';
import { coveringSets, featurePairs, pairsOf } from './policy-features.ts';

const OPERATORS = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'all'];
const selector = (what: string) => OPERATORS.map((operator) => `${what}: ${operator}`);

const CLUSTER_TIERS = ['Admin', 'Baseline'];
const PEER_PODS = [
  'peer pods',
  ...selector('peer pods'),
  'peer own namespace',
  ...selector('peer namespaces'),
];
const PEER_NODES = ['peer nodes', ...selector('peer nodes')];
const SINGLE_PEERS = [...PEER_PODS, ...PEER_NODES, 'peer networks', 'except', 'peer nobody'];
const PROTOCOLS = ['TCP', 'UDP', 'SCTP'];
const SINGLE_PORTS = [
  ...PROTOCOLS,
  'range',
  'single',
  'whole protocol',
  'named',
  'named of any protocol',
  'no-port',
];

const FEATURES = [
  ...[
    'NetworkPolicy',
    ...CLUSTER_TIERS,
    'audited',
    'enforced',
    'ingress',
    'egress',
    'Accept',
    'Deny',
    'Pass',
  ],
  ...[...selector('subject pods'), ...selector('subject namespaces')],
  ...['everybody', 'no peers', ...SINGLE_PEERS, 'every port', 'no ports', ...SINGLE_PORTS],
];

/** Those of the first list are never in one rule with those of the second. */
const APART: readonly (readonly [readonly string[], readonly string[]])[] = [
  [['NetworkPolicy'], CLUSTER_TIERS],
  [['Admin'], ['Baseline']],
  [['audited'], ['enforced']],
  [['ingress'], ['egress']],
  [['Accept'], ['Deny', 'Pass']],
  [['Deny'], ['Pass']],
  [['everybody'], ['no peers', ...SINGLE_PEERS]],
  [['no peers'], SINGLE_PEERS],
  [['every port'], ['no ports', ...SINGLE_PORTS]],
  [['no ports'], SINGLE_PORTS],
  // A policy has one subject.
  [selector('subject pods').slice(0, -1), ['subject pods: all']],
  [selector('subject namespaces').slice(0, -1), ['subject namespaces: all']],
  // What only one of the two kinds can say.
  [
    ['NetworkPolicy', 'peer own namespace', 'peer nobody'],
    ['Deny', 'Pass', ...PEER_NODES, 'named of any protocol', ...selector('subject namespaces')],
  ],
  [['peer own namespace', 'peer nobody'], CLUSTER_TIERS],
  [['ingress'], PEER_NODES],
];

it('few random policy sets hold every pair of features in one rule', { timeout: 60_000 }, () => {
  const sets = coveringSets();
  const apart = new Set(
    APART.flatMap(([ones, others]) =>
      ones.flatMap((one) => others.flatMap((other) => pairsOf([one, other]))),
    ),
  );
  const wanted = pairsOf(FEATURES).filter((pair) => !apart.has(pair));
  const met = new Set(sets.flatMap((policies) => [...featurePairs(policies)]));
  expect(wanted.filter((pair) => !met.has(pair))).toEqual([]);
  expect([...met].filter((pair) => !wanted.includes(pair))).toEqual([]);
  expect(sets.length).toBeLessThan(60);
});
