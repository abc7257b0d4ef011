/** What single rules of policies use of the API, in words; and policy sets in which every two that go together meet. */
import fc from 'fast-check';
import type { PolicyObject, WeirObject } from '../../src/model/objects.ts';
import type {
  LabelSelector,
  PodSelection,
  PolicyPeer,
  PolicyPort,
  PolicyRule,
} from '../../src/model/policy.ts';
import { DIRECTIONS } from '../../src/model/policy-rows.ts';
import { policyClusters, policySets } from './generated-policies.ts';

const SAMPLE = { numRuns: 3000, seed: 1 };

/** The features of each rule, with those of its policy. */
export function ruleFeatures(policy: PolicyObject): readonly (readonly string[])[] {
  const ofPolicy = [
    policy.kind === 'NetworkPolicy' ? 'NetworkPolicy' : policy.tier,
    policy.audit ? 'audited' : 'enforced',
    ...subjectFeatures(policy),
  ];
  return DIRECTIONS.flatMap((direction) =>
    (policy[direction] ?? []).map((rule) => [
      ...new Set([...ofPolicy, direction, rule.action, ...peersFeatures(rule), ...portsFeatures(rule)]),
    ]),
  );
}

/** Every two features that some rule of the set has together. */
export function featurePairs(policies: readonly PolicyObject[]): ReadonlySet<string> {
  return new Set(policies.flatMap(ruleFeatures).flatMap(pairsOf));
}

/** Every two of the words, whatever their order. */
export function pairsOf(words: readonly string[]): readonly string[] {
  const sorted = [...words].sort();
  return sorted.flatMap((one, index) => sorted.slice(index + 1).map((other) => `${one} + ${other}`));
}

/** A few generated sets in which all pairs are met that are in any of thousands. */
export function coveringSets(): readonly (readonly PolicyObject[])[] {
  const sets = fc.sample(policySets, SAMPLE).map((policies) => ({ policies, pairs: featurePairs(policies) }));
  const left = new Set(sets.flatMap(({ pairs }) => [...pairs]));
  const chosen: (readonly PolicyObject[])[] = [];
  while (left.size > 0) {
    const news = sets.map(({ pairs }) => pairs.intersection(left).size);
    const best = sets[news.indexOf(Math.max(...news))];
    if (best === undefined) break;
    for (const pair of best.pairs) left.delete(pair);
    chosen.push(best.policies);
  }
  return chosen;
}

/** Clusters with these sets. */
export function coveringClusters(): readonly (readonly WeirObject[])[] {
  const sets = coveringSets();
  const clusters = fc.sample(policyClusters, { numRuns: sets.length, seed: 2 });
  const isPolicy = ({ kind }: WeirObject) => kind === 'NetworkPolicy' || kind === 'ClusterNetworkPolicy';
  return sets.map((policies, index) => [
    ...(clusters[index] ?? []).filter((object) => !isPolicy(object)),
    ...policies,
  ]);
}

function subjectFeatures(policy: PolicyObject): readonly string[] {
  const words = (selector: LabelSelector, what: string) => selectorFeatures(selector, `subject ${what}`);
  return policy.kind === 'NetworkPolicy'
    ? words(policy.podSelector, 'pods')
    : [...words(policy.subject.pods, 'pods'), ...namespaceFeatures(policy.subject, 'subject ')];
}

function peersFeatures({ peers }: PolicyRule): readonly string[] {
  if (peers === 'everybody') return ['everybody'];
  return peers.length === 0 ? ['no peers'] : peers.flatMap(peerFeatures);
}

function peerFeatures(peer: PolicyPeer): readonly string[] {
  switch (peer.type) {
    case 'pods':
      return ['peer pods', ...selectorFeatures(peer.pods, 'peer pods'), ...namespaceFeatures(peer, 'peer ')];
    case 'nodes':
      return ['peer nodes', ...selectorFeatures(peer.nodes, 'peer nodes')];
    case 'networks':
      return ['peer networks', ...(peer.blocks.some(({ except }) => except.length > 0) ? ['except'] : [])];
    case 'nobody':
      return ['peer nobody'];
  }
}

function namespaceFeatures({ namespaces }: PodSelection, whose: string): readonly string[] {
  if (typeof namespaces === 'string') return [`${whose}own namespace`];
  return selectorFeatures(namespaces, `${whose}namespaces`);
}

function selectorFeatures(selector: LabelSelector, what: string): readonly string[] {
  return selector.length === 0 ? [`${what}: all`] : selector.map(({ operator }) => `${what}: ${operator}`);
}

function portsFeatures({ ports }: PolicyRule): readonly string[] {
  if (ports === 'every') return ['every port'];
  return ports.length === 0 ? ['no ports'] : ports.flatMap(portFeatures);
}

function portFeatures(port: PolicyPort): readonly string[] {
  if (port.type === 'no-port') return ['no-port'];
  if (port.type === 'named')
    return port.protocol === null ? ['named of any protocol'] : ['named', port.protocol];
  const isWhole = port.first === 0 && port.last === 65535;
  return [port.protocol, isWhole ? 'whole protocol' : port.first === port.last ? 'single' : 'range'];
}
