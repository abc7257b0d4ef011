/** One policy as clauses: each peer and port of each rule by itself, with the name of where it stands. */
import type { Protocol } from '../../model/names.ts';
import type { PolicyObject } from '../../model/objects.ts';
import type { PolicyAction, PolicyPeer, PolicyPort, PolicyRule } from '../../model/policy.ts';
import type { Direction, PolicyReference, PolicyTier, RuleName, RuleRow } from '../../model/policy-rows.ts';
import { type Span, spanOf, WHOLE_LINE } from './port-line.ts';
import type { Term, TermContent } from './terms.ts';

export type SingleRule = Extract<RuleRow, { kind: 'rule' }>;

export interface NamedPort {
  readonly name: string;
  /** null: any. */
  readonly protocol: Protocol | null;
}

export interface Clause {
  readonly tier: PolicyTier;
  readonly action: PolicyAction;
  readonly audit: boolean;
  /** Any of them. */
  readonly peers: readonly Term[] | 'everybody';
  readonly ports: Span | NamedPort;
  readonly rule: SingleRule;
}

export function isNamed(ports: Span | NamedPort): ports is NamedPort {
  return 'name' in ports;
}

export function tierOf(policy: PolicyObject): PolicyTier {
  return policy.kind === 'NetworkPolicy' ? 'NetworkPolicy' : policy.tier;
}

export function referenceOf({ kind, namespace, name }: PolicyObject): PolicyReference {
  return { kind, namespace, name };
}

/** In the order in which they count. `acquire` is called for each term of each clause. */
export function clausesOf(
  policy: PolicyObject,
  direction: Direction,
  acquire: (content: TermContent) => Term,
): readonly Clause[] {
  const head = { tier: tierOf(policy), audit: policy.audit };
  return (policy[direction] ?? []).flatMap((rule, ruleIndex) => {
    const ports = portsOf(rule);
    return peersOf(rule, acquire).flatMap(({ peers, peerIndex }) =>
      ports.map(({ ports, portIndex }) => {
        const place = { direction, ruleIndex, peerIndex, portIndex };
        return { ...head, action: rule.action, peers, ports, rule: ruleRow(policy, rule, place) };
      }),
    );
  });
}

function peersOf(
  { peers }: PolicyRule,
  acquire: (content: TermContent) => Term,
): readonly { readonly peers: Clause['peers']; readonly peerIndex: number | null }[] {
  if (peers === 'everybody') return [{ peers, peerIndex: null }];
  return peers.flatMap((peer, peerIndex) => {
    const terms = termsOf(peer).map(acquire);
    return terms.length === 0 ? [] : [{ peers: terms, peerIndex }];
  });
}

function termsOf(peer: PolicyPeer): readonly TermContent[] {
  switch (peer.type) {
    case 'pods':
      return [{ type: 'pods', selection: { namespaces: peer.namespaces, pods: peer.pods } }];
    case 'nodes':
      return [{ type: 'nodes', nodes: peer.nodes }];
    case 'networks':
      return peer.blocks.map((block) => ({ type: 'block', block }));
    case 'nobody':
      return [];
  }
}

function portsOf({
  ports,
}: PolicyRule): readonly { readonly ports: Clause['ports']; readonly portIndex: number | null }[] {
  if (ports === 'every') return [{ ports: WHOLE_LINE, portIndex: null }];
  return ports.flatMap((port, portIndex) => {
    const span = spanOfPort(port);
    return span === undefined ? [] : [{ ports: span, portIndex }];
  });
}

function spanOfPort(port: PolicyPort): Clause['ports'] | undefined {
  if (port.type === 'range') return spanOf(port.protocol, port.first, port.last);
  return port.type === 'named' ? { name: port.name, protocol: port.protocol } : undefined;
}

type Place = Pick<SingleRule, 'direction' | 'ruleIndex' | 'peerIndex' | 'portIndex'>;

function ruleRow(policy: PolicyObject, { name, action }: PolicyRule, place: Place): SingleRule {
  const { kind, namespace, name: policyName } = policy;
  const indexes = [place.ruleIndex, place.peerIndex ?? '-', place.portIndex ?? '-'];
  return {
    kind: 'rule',
    name: [kind, namespace, policyName, place.direction, ...indexes].join('/') as RuleName,
    policy: referenceOf(policy),
    tier: tierOf(policy),
    ruleName: name,
    action,
    ...place,
  };
}
