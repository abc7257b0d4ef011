/** The generator has to meet every pair of the API's features in one policy set: else the oracle is never asked about it. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PolicyObject } from '../../src/model/objects.ts';
import type { LabelSelector, PolicyPeer, PolicyPort, PolicyRule } from '../../src/model/policy.ts';
import { policySets } from './generated-policies.ts';

const SETS = 1500;

it('random policy sets hold every pair of features', { timeout: 60_000 }, () => {
  const sets = fc.sample(policySets, { numRuns: SETS, seed: 1 });
  const pairs = new Set<string>();
  const all = new Set<string>();
  for (const set of sets) {
    const features = [...new Set(set.flatMap(featuresOf))].sort();
    for (const feature of features) all.add(feature);
    for (const [index, one] of features.entries())
      for (const other of features.slice(index + 1)) pairs.add(`${one} + ${other}`);
  }
  expect([...all].sort()).toEqual([...FEATURES].sort());
  const wanted = [...all]
    .sort()
    .flatMap((one, index, list) => list.slice(index + 1).map((other) => `${one} + ${other}`));
  expect(wanted.filter((pair) => !pairs.has(pair))).toEqual([]);
});

const FEATURES = [
  ...['Admin', 'NetworkPolicy', 'Baseline', 'audited', 'ingress only', 'egress only', 'both', 'neither'],
  ...['Accept', 'Deny', 'Pass', 'everybody', 'no peers', 'every port', 'no ports'],
  ...['peer pods', 'peer own pods', 'peer nodes', 'peer networks', 'peer nobody', 'except'],
  ...['range', 'single', 'whole protocol', 'named', 'named of any protocol', 'no-port', 'TCP', 'UDP', 'SCTP'],
  ...['In', 'NotIn', 'Exists', 'DoesNotExist', 'empty selector'],
];

function featuresOf(policy: PolicyObject): readonly string[] {
  const [ingress, egress] = [policy.ingress ?? [], policy.egress ?? []];
  const selectors =
    policy.kind === 'NetworkPolicy'
      ? [policy.podSelector]
      : [policy.subject.pods, policy.subject.namespaces as LabelSelector];
  const directions =
    ingress.length > 0
      ? egress.length > 0
        ? 'both'
        : 'ingress only'
      : egress.length > 0
        ? 'egress only'
        : 'neither';
  return [
    policy.kind === 'NetworkPolicy' ? policy.kind : policy.tier,
    ...(policy.audit ? ['audited'] : []),
    directions,
    ...selectors.flatMap(selectorFeatures),
    ...[...ingress, ...egress].flatMap(ruleFeatures),
  ];
}

function ruleFeatures({ action, peers, ports }: PolicyRule): readonly string[] {
  return [
    action,
    ...(peers === 'everybody'
      ? ['everybody']
      : peers.length === 0
        ? ['no peers']
        : peers.flatMap(peerFeatures)),
    ...(ports === 'every' ? ['every port'] : ports.length === 0 ? ['no ports'] : ports.flatMap(portFeatures)),
  ];
}

function peerFeatures(peer: PolicyPeer): readonly string[] {
  switch (peer.type) {
    case 'pods': {
      const own = typeof peer.namespaces === 'string';
      const ofNamespaces = own ? [] : selectorFeatures(peer.namespaces as LabelSelector);
      return [own ? 'peer own pods' : 'peer pods', ...selectorFeatures(peer.pods), ...ofNamespaces];
    }
    case 'networks':
      return ['peer networks', ...(peer.blocks.some(({ except }) => except.length > 0) ? ['except'] : [])];
    default:
      return [`peer ${peer.type}`];
  }
}

function portFeatures(port: PolicyPort): readonly string[] {
  if (port.type === 'no-port') return ['no-port'];
  if (port.type === 'named')
    return port.protocol === null ? ['named of any protocol'] : ['named', port.protocol];
  const isWhole = port.first === 0 && port.last === 65535;
  return [port.protocol, isWhole ? 'whole protocol' : port.first === port.last ? 'single' : 'range'];
}

function selectorFeatures(selector: LabelSelector): readonly string[] {
  return selector.length === 0 ? ['empty selector'] : selector.map(({ operator }) => operator);
}
