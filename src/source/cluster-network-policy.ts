/**
 * policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. A part that can't be understood closes, as the API asks: an
 * Accept rule matches nothing by it, a Deny or Pass rule becomes a Deny of everything.
 */
import { PROTOCOLS, type Protocol } from '../model/names.ts';
import type { ClusterNetworkPolicyObject } from '../model/objects.ts';
import type { PodSelection, PolicyAction, PolicyPeer, PolicyPort, PolicyRule } from '../model/policy.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  type Part,
  readChoice,
  readInteger,
  readItems,
  readPart,
  readPartItems,
  readPort,
  readPrefix,
  readText,
  refuse,
  warn,
} from './field.ts';
import { readLabelSelector } from './label-selector.ts';
import { readMeta } from './meta.ts';
import { readContainerPortName } from './name-syntax.ts';
import { type OnlyField, onlyField, readAudit, readPeers, readPorts } from './policy-fields.ts';

const TIERS = ['Admin', 'Baseline'] as const;
const INGRESS_PEERS = ['namespaces', 'pods'] as const;
const EGRESS_PEERS = ['namespaces', 'pods', 'nodes', 'networks', 'domainNames'] as const;
const ACTIONS = ['Accept', 'Deny', 'Pass'] as const;

/** Findings say what is wrong; the result holds only where none is an error of the whole. */
export function readClusterNetworkPolicyObject(root: Field): ClusterNetworkPolicyObject {
  const meta = readMeta(root, 'cluster', 'subdomain');
  const spec = childField(root, 'spec');
  const [tierField, priorityField] = [childField(spec, 'tier'), childField(spec, 'priority')];
  const tier = readChoice(tierField, TIERS);
  const priority = readInteger(priorityField, 0, 1000);
  // Without these nobody can say what it overrides: the last good state stays.
  if (tier === undefined)
    refuse(tierField, 'MissingValue', 'the policy has no tier', 'use Admin or Baseline');
  if (priority === undefined)
    refuse(priorityField, 'MissingValue', 'the policy has no priority', 'use a number from 0 to 1000');
  const subject = readPart(childField(spec, 'subject'), readSubject);
  const rules = (direction: 'ingress' | 'egress') => {
    const read = readPartItems(childField(spec, direction)).value.map((item) => readRule(item, direction));
    return subject.bad ? read.map(withoutOpening) : read;
  };
  return {
    kind: 'ClusterNetworkPolicy',
    ...meta,
    tier: tier ?? 'Admin',
    priority: priority ?? 0,
    subject: subject.value,
    ingress: rules('ingress'),
    egress: rules('egress'),
    audit: readAudit(root),
  };
}

/** A requirement that can't be understood counts as met. */
function readSubject(field: Field): PodSelection {
  const only = onlyField(field, ['namespaces', 'pods']);
  return only === undefined ? { namespaces: [], pods: [] } : readSelection(only);
}

/** The policy may select pods that were not meant: those must not be opened by it. */
function withoutOpening(rule: PolicyRule): PolicyRule {
  return rule.action === 'Deny' ? rule : { ...rule, peers: [] };
}

function readSelection({ name, field }: OnlyField<'namespaces' | 'pods'>): PodSelection {
  if (name === 'namespaces') return { namespaces: readLabelSelector(field), pods: [] };
  const podsField = childField(field, 'podSelector');
  if (!isPresent(podsField))
    refuse(podsField, 'MissingValue', 'pods has no podSelector', 'set podSelector; {} selects every pod');
  return {
    namespaces: readLabelSelector(childField(field, 'namespaceSelector')),
    pods: readLabelSelector(podsField),
  };
}

function readRule(item: Field, direction: 'ingress' | 'egress'): PolicyRule {
  const { value, bad } = readPart(item, (part) => readRuleParts(part, direction));
  const { name, action, peers, ports } = value;
  if (action !== 'Accept' && (bad || peers.bad || ports?.bad))
    return { name, action: 'Deny', peers: 'everybody', ports: 'every' };
  return { name, action, peers: peers.value, ports: ports === null ? 'every' : ports.value };
}

interface RuleParts {
  readonly name: string;
  readonly action: PolicyAction;
  readonly peers: Part<PolicyPeer[]>;
  /** null: every port. */
  readonly ports: Part<PolicyPort[]> | null;
}

function readRuleParts(field: Field, direction: 'ingress' | 'egress'): RuleParts {
  const actionField = childField(field, 'action');
  // Deny until a person has said what is meant.
  const action = readChoice(actionField, ACTIONS) ?? 'Deny';
  if (!isPresent(actionField))
    refuse(actionField, 'MissingValue', 'the rule has no action', `use one of ${ACTIONS.join(', ')}`);
  const peers = readRequired(childField(field, direction === 'ingress' ? 'from' : 'to'), (list) =>
    readPeers(list, (peer) => readPeer(peer, direction, action)),
  );
  const protocols = childField(field, 'protocols');
  const ports = isPresent(protocols)
    ? readRequired(protocols, (list) => readPorts(list, (port) => readProtocol(port, direction, peers.value)))
    : null;
  return { name: readText(childField(field, 'name')) ?? '', action, peers, ports };
}

/** A list with at least one item: an empty one names nobody, which is not what anybody means. */
function readRequired<Value>(field: Field, read: (field: Field) => Part<Value[]>): Part<Value[]> {
  const list = read(field);
  if (list.value.length > 0) return list;
  readPart(field, (part) => refuse(part, 'MissingValue', 'the list is empty', 'name at least one'));
  return { value: [], bad: true };
}

function readPeer(
  field: Field,
  direction: 'ingress' | 'egress',
  action: PolicyAction,
): PolicyPeer | undefined {
  const only = onlyField(field, direction === 'ingress' ? INGRESS_PEERS : EGRESS_PEERS);
  if (only === undefined) return undefined;
  switch (only.name) {
    case 'nodes':
      return { type: 'nodes', nodes: readLabelSelector(only.field) };
    case 'networks':
      return readNetworks(only.field);
    case 'domainNames':
      return readDomainNames(only.field, action);
    default:
      return { type: 'pods', ...readSelection({ name: only.name, field: only.field }) };
  }
}

function readNetworks(field: Field): PolicyPeer | undefined {
  const items = readItems(field);
  if (items.length === 0) return refuse(field, 'MissingValue', 'the list is empty', 'give at least one CIDR');
  const blocks = items.flatMap((item) => {
    const cidr = readPrefix(item);
    if (cidr !== undefined) return [{ cidr, except: [] }];
    refuse(item, 'MissingValue', 'the network is empty', 'give a CIDR such as 10.0.0.0/8');
    return [];
  });
  return { type: 'networks', blocks };
}

function readDomainNames(field: Field, action: PolicyAction): PolicyPeer | undefined {
  const remedy = 'use networks with the addresses meant';
  if (action !== 'Accept')
    return refuse(field, 'InvalidValue', `domainNames can't be used with ${action}`, remedy);
  warn(field, 'UnsupportedField', 'domain names are not supported yet: the peer matches nothing', remedy);
  return { type: 'nobody' };
}

function readProtocol(
  field: Field,
  direction: 'ingress' | 'egress',
  peers: readonly PolicyPeer[],
): PolicyPort | undefined {
  const only = onlyField(field, ['tcp', 'udp', 'sctp', 'destinationNamedPort']);
  if (only === undefined) return undefined;
  if (only.name === 'destinationNamedPort') return readNamedPort(only.field, direction, peers);
  const protocol = PROTOCOLS.find((known) => known.toLowerCase() === only.name) as Protocol;
  const port = onlyField(fieldAt(only.field, 'destinationPort'), ['number', 'range']);
  if (port === undefined) return undefined;
  if (port.name === 'number') {
    const number = readPort(port.field);
    return number === undefined ? undefined : { type: 'range', protocol, first: number, last: number };
  }
  const first = readRequiredPort(childField(port.field, 'start'));
  const last = readRequiredPort(childField(port.field, 'end'));
  if (first === undefined || last === undefined) return undefined;
  if (first < last) return { type: 'range', protocol, first, last };
  return refuse(port.field, 'InvalidPort', `${first} is not before ${last}`, 'let start be less than end');
}

function readRequiredPort(field: Field): number | undefined {
  return readPort(field) ?? refuse(field, 'MissingValue', 'the range has no such end', 'set start and end');
}

function readNamedPort(
  field: Field,
  direction: 'ingress' | 'egress',
  peers: readonly PolicyPeer[],
): PolicyPort | undefined {
  const name = readContainerPortName(field);
  if (name === undefined) return undefined;
  const nameless =
    direction === 'egress' && peers.some(({ type }) => type === 'nodes' || type === 'networks');
  if (!nameless) return { type: 'named', name, protocol: null };
  const remedy = 'use a number, or a rule of its own for the pods';
  return refuse(field, 'InvalidPort', 'nodes and networks have no named ports', remedy);
}
