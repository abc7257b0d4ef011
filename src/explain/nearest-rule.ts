/**
 * Which rule would have let a denied connection through if it said a little else (F12): of all rules of the isolating
 * policies, the peer and port that miss by the fewest fields. Read off the policies: the rows know only what matches.
 */
import { type Address, prefixContains } from '../model/address.ts';
import { type ObjectKey, objectKey, objectName, type Protocol } from '../model/names.ts';
import type { Labels, PodObject, PolicyObject } from '../model/objects.ts';
import {
  type LabelRequirement,
  type LabelSelector,
  NAMESPACE_NAME_LABEL,
  type PolicyPeer,
  type PolicyPort,
  selectorMatches,
} from '../model/policy.ts';
import type { Direction, PolicyReference } from '../model/policy-rows.ts';

/** The field of a rule that does not fit. Documented in docs/policies.md; closed. */
export type MissedField =
  | 'port'
  | 'protocol'
  | 'podSelector'
  | 'namespaceSelector'
  | 'nodeSelector'
  | 'ipBlock'
  | 'invalid';

export interface Miss {
  readonly field: MissedField;
  /** What the rule asks for: `app=web`, `TCP 80`, `10.0.0.0/8`. */
  readonly wanted: string;
  /** What there is instead. */
  readonly found: string;
}

export interface NearestRule {
  /** `NetworkPolicy ns/name`. */
  readonly policy: string;
  /** `spec.ingress[0].from[1].ports[0]`. */
  readonly path: string;
  /** At least one. */
  readonly missed: readonly Miss[];
}

/** What is asked of the objects. */
export interface PolicyObjects {
  readonly policies: ReadonlyMap<ObjectKey, PolicyObject>;
  /** The pod that has the address, if any; not those in the host network. */
  podAt(address: Address): PodObject | null;
  namespaceLabels(namespace: string): Labels;
}

interface Denied {
  readonly direction: Direction;
  readonly subject: PodObject;
  readonly peer: Address;
  readonly protocol: Protocol | null;
  readonly port: number;
}

/** Of two that miss by as many fields, the one with the field named first here is nearer. */
const NEARNESS: readonly MissedField[] = [
  'port',
  'protocol',
  'podSelector',
  'namespaceSelector',
  'ipBlock',
  'nodeSelector',
  'invalid',
];

/** The nearest rule of these policies; null where they have none (or there are no policies). */
export function nearestRule(
  objects: PolicyObjects,
  policies: readonly PolicyReference[],
  denied: Denied,
): NearestRule | null {
  let nearest: NearestRule | null = null;
  for (const { kind, namespace, name } of policies) {
    const policy = objects.policies.get(objectKey(kind, namespace, name));
    if (policy === undefined) continue;
    for (const candidate of candidatesOf(objects, policy, denied))
      if (nearest === null || distance(candidate) < distance(nearest)) nearest = candidate;
  }
  return nearest;
}

/** Fields first, then which. */
function distance({ missed }: NearestRule): number {
  return missed.reduce((sum, { field }) => sum + NEARNESS.length + NEARNESS.indexOf(field), 0);
}

function* candidatesOf(objects: PolicyObjects, policy: PolicyObject, denied: Denied): Iterable<NearestRule> {
  const peersName = denied.direction === 'ingress' ? 'from' : 'to';
  const portsName = policy.kind === 'NetworkPolicy' ? 'ports' : 'protocols';
  for (const [index, rule] of (policy[denied.direction] ?? []).entries()) {
    const peers = rule.peers === 'everybody' ? [null] : rule.peers;
    const ports = rule.ports === 'every' ? [null] : rule.ports;
    for (const [peerIndex, peer] of peers.entries())
      for (const [portIndex, port] of ports.entries()) {
        const missed = [
          ...(peer === null ? [] : peerMisses(objects, peer, denied.peer)),
          ...(port === null ? [] : portMisses(objects, port, denied)),
        ];
        const inPeer = peer === null ? '' : `.${peersName}[${peerIndex}]`;
        const inPort = port === null ? '' : `.${portsName}[${portIndex}]`;
        const path = `spec.${denied.direction}[${index}]${inPeer}${inPort}`;
        const name = `${policy.kind} ${objectName(policy.namespace, policy.name)}`;
        if (missed.length > 0) yield { policy: name, path, missed };
      }
  }
}

function peerMisses(objects: PolicyObjects, peer: PolicyPeer, address: Address): readonly Miss[] {
  switch (peer.type) {
    case 'pods':
      return podMisses(objects, peer, address);
    case 'networks':
      return [networkMiss(peer, address)].flatMap((miss) => miss ?? []);
    case 'nodes':
      return [{ field: 'nodeSelector', wanted: selectorText(peer.nodes), found: address }];
    case 'nobody':
      return [{ field: 'invalid', wanted: 'a peer that Weir understands', found: 'nobody' }];
  }
}

function podMisses(
  objects: PolicyObjects,
  { namespaces, pods }: Extract<PolicyPeer, { type: 'pods' }>,
  address: Address,
): readonly Miss[] {
  const pod = objects.podAt(address);
  if (pod === null) {
    const found = `no pod has ${address}`;
    return [{ field: 'podSelector', wanted: selectorText(pods), found }];
  }
  const ofNamespace: LabelSelector =
    typeof namespaces === 'string'
      ? [{ key: NAMESPACE_NAME_LABEL, operator: 'In', values: [namespaces] }]
      : namespaces;
  return [
    ...selectorMisses('namespaceSelector', ofNamespace, objects.namespaceLabels(pod.namespace)),
    ...selectorMisses('podSelector', pods, pod.labels),
  ];
}

/** The first requirement that is not met. */
function selectorMisses(field: MissedField, selector: LabelSelector, labels: Labels): readonly Miss[] {
  const missed = selector.find((requirement) => !selectorMatches([requirement], labels));
  if (missed === undefined) return [];
  const value = Object.hasOwn(labels, missed.key) ? labels[missed.key] : undefined;
  const found = value === undefined ? `no label ${missed.key}` : `${missed.key}=${value}`;
  return [{ field, wanted: requirementText(missed), found }];
}

function networkMiss({ blocks }: Extract<PolicyPeer, { type: 'networks' }>, address: Address): Miss | null {
  const holds = blocks.filter(({ cidr }) => prefixContains(cidr, address));
  const isOpen = holds.some(({ except }) => !except.some((hole) => prefixContains(hole, address)));
  if (isOpen) return null;
  const texts = (holds.length > 0 ? holds : blocks).map(({ cidr, except }) =>
    except.length === 0 ? cidr : `${cidr} except ${except.join(', ')}`,
  );
  return { field: 'ipBlock', wanted: texts.join(' or '), found: address };
}

function portMisses(objects: PolicyObjects, port: PolicyPort, denied: Denied): readonly Miss[] {
  const found = denied.protocol === null ? 'a protocol without ports' : `${denied.protocol} ${denied.port}`;
  if (port.type === 'no-port')
    return [{ field: 'invalid', wanted: 'a port that Weir understands', found: 'none' }];
  if (port.type === 'named') return namedPortMisses(objects, port, denied, found);
  const { protocol, first, last } = port;
  const number = first === last ? `${first}` : `${first}-${last}`;
  const wanted = first === 0 && last === 65535 ? protocol : `${protocol} ${number}`;
  const isInside = first <= denied.port && denied.port <= last;
  if (protocol !== denied.protocol) {
    const misses: Miss[] = [{ field: 'protocol', wanted, found }];
    return isInside || denied.protocol === null ? misses : [...misses, { field: 'port', wanted, found }];
  }
  return isInside ? [] : [{ field: 'port', wanted, found }];
}

function namedPortMisses(
  objects: PolicyObjects,
  { name, protocol }: Extract<PolicyPort, { type: 'named' }>,
  denied: Denied,
  found: string,
): readonly Miss[] {
  const server = denied.direction === 'ingress' ? denied.subject : objects.podAt(denied.peer);
  const meant = server?.ports.filter(
    (port) => port.name === name && (protocol ?? port.protocol) === port.protocol,
  );
  if (meant?.some((port) => port.port === denied.port && port.protocol === denied.protocol)) return [];
  const numbers = (meant ?? []).map((port) => `${port.protocol} ${port.port}`);
  const wanted = `${name} (${numbers.length === 0 ? 'the pod has no such port' : numbers.join(', ')})`;
  return [{ field: 'port', wanted, found }];
}

function selectorText(selector: LabelSelector): string {
  return selector.length === 0 ? 'any' : selector.map(requirementText).join(', ');
}

function requirementText({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'In':
      return values.length === 1 ? `${key}=${values[0]}` : `${key} in (${values.join(', ')})`;
    case 'NotIn':
      return values.length === 1 ? `${key}!=${values[0]}` : `${key} notin (${values.join(', ')})`;
    case 'Exists':
      return key;
    case 'DoesNotExist':
      return `!${key}`;
  }
}
