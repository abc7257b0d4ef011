/**
 * networking.k8s.io/v1 NetworkPolicy. A part that can't be understood closes: in what the policy selects it counts as
 * met, but then the policy allows nothing; in what it allows, that peer or port matches nothing.
 */
import { type Prefix, prefixContains, splitPrefix } from '../model/address.ts';
import { PROTOCOLS } from '../model/names.ts';
import type { NetworkPolicyObject } from '../model/objects.ts';
import type { PolicyPeer, PolicyPort, PolicyRule } from '../model/policy.ts';
import {
  childField,
  type Field,
  isPresent,
  readChoice,
  readInteger,
  readItems,
  readPart,
  readPartItems,
  readPort,
  readPrefix,
  refuse,
} from './field.ts';
import { readLabelSelector } from './label-selector.ts';
import { readMeta } from './meta.ts';
import { readContainerPortName } from './name-syntax.ts';
import { readAudit, readPeers, readPorts } from './policy-fields.ts';

type Spec = Pick<NetworkPolicyObject, 'podSelector' | 'ingress' | 'egress'>;

/** What is left of a policy whose spec can't be read at all: everything in its namespace is isolated. */
const CLOSED: Spec = { podSelector: [], ingress: [], egress: [] };

/** Findings say what is wrong; the result holds only where none is an error of the whole. */
export function readNetworkPolicyObject(root: Field): NetworkPolicyObject {
  const meta = readMeta(root, 'namespaced', 'subdomain');
  const spec = readPart(childField(root, 'spec'), (field) => readSpec(field, meta.namespace));
  return { kind: 'NetworkPolicy', ...meta, ...(spec.bad ? CLOSED : spec.value), audit: readAudit(root) };
}

function readSpec(spec: Field, namespace: string): Spec {
  const selector = readPart(childField(spec, 'podSelector'), readLabelSelector);
  const [ingress, egress] = [childField(spec, 'ingress'), childField(spec, 'egress')];
  const types = readPolicyTypes(childField(spec, 'policyTypes'), egress);
  const rules = [readRules(ingress, 'from', namespace), readRules(egress, 'to', namespace)] as const;
  // With a bad selector it may select pods that were not meant: those must not be opened by it.
  const [ingressRules, egressRules] = selector.bad ? [[], []] : rules;
  return {
    podSelector: selector.value,
    ingress: types.has('Ingress') ? ingressRules : null,
    egress: types.has('Egress') ? egressRules : null,
  };
}

/** As the API server fills them: Ingress always, Egress where there are egress rules (C3). */
function readPolicyTypes(field: Field, egress: Field): ReadonlySet<'Ingress' | 'Egress'> {
  const both = ['Ingress', 'Egress'] as const;
  const types = readPart(field, (list) => readItems(list).flatMap((item) => readChoice(item, both) ?? []));
  if (types.bad) return new Set(both);
  if (types.value.length > 0) return new Set(types.value);
  const hasEgress = Array.isArray(egress.value) ? egress.value.length > 0 : isPresent(egress);
  return new Set(hasEgress ? both : ['Ingress']);
}

function readRules(field: Field, peersName: 'from' | 'to', namespace: string): readonly PolicyRule[] {
  return readPartItems(field).value.map((item) => {
    const rule = readPart(item, (part) => {
      const [peers, ports] = [childField(part, peersName), childField(part, 'ports')];
      return {
        peers: isNamed(peers) ? readPeers(peers, (peer) => readPeer(peer, namespace)).value : 'everybody',
        ports: isNamed(ports) ? readPorts(ports, readPolicyPort).value : 'every',
      } as const;
    });
    return { name: '', action: 'Accept', ...(rule.bad ? { peers: [], ports: [] } : rule.value) };
  });
}

/** An empty list is as good as none here: the rule is for everybody, or for every port. */
function isNamed(field: Field): boolean {
  return isPresent(field) && !(Array.isArray(field.value) && field.value.length === 0);
}

function readPeer(field: Field, namespace: string): PolicyPeer | undefined {
  const [pods, namespaces] = [childField(field, 'podSelector'), childField(field, 'namespaceSelector')];
  const ipBlock = childField(field, 'ipBlock');
  const selects = isPresent(pods) || isPresent(namespaces);
  const remedy = 'use podSelector, namespaceSelector or both, or ipBlock alone';
  if (isPresent(ipBlock)) {
    if (selects) return refuse(field, 'InvalidValue', "ipBlock and selectors can't stand together", remedy);
    return readIpBlock(ipBlock);
  }
  if (!selects) return refuse(field, 'MissingValue', 'the peer holds nothing that Weir knows', remedy);
  return {
    type: 'pods',
    namespaces: isPresent(namespaces) ? readLabelSelector(namespaces) : namespace,
    pods: readLabelSelector(pods),
  };
}

function readIpBlock(field: Field): PolicyPeer | undefined {
  const cidrField = childField(field, 'cidr');
  const cidr = readPrefix(cidrField);
  if (cidr === undefined)
    return refuse(cidrField, 'MissingValue', 'the block has no CIDR', 'set cidr, such as 10.0.0.0/8');
  const except = readItems(childField(field, 'except')).flatMap((item) => readExcept(item, cidr) ?? []);
  return { type: 'networks', blocks: [{ cidr, except }] };
}

function readExcept(field: Field, cidr: Prefix): Prefix | undefined {
  const prefix = readPrefix(field);
  if (prefix === undefined)
    return refuse(field, 'MissingValue', 'the exception is empty', `give a CIDR inside ${cidr}`);
  const { address, length } = splitPrefix(prefix);
  if (prefixContains(cidr, address) && length > splitPrefix(cidr).length) return prefix;
  const remedy = `give a CIDR that is smaller than ${cidr} and inside it`;
  return refuse(field, 'InvalidExcept', `${prefix} is not inside ${cidr}`, remedy);
}

function readPolicyPort(field: Field): PolicyPort | undefined {
  const protocol = readChoice(childField(field, 'protocol'), PROTOCOLS) ?? 'TCP';
  const [portField, endField] = [childField(field, 'port'), childField(field, 'endPort')];
  if (!isPresent(portField)) {
    if (!isPresent(endField)) return { type: 'range', protocol, first: 0, last: 65535 };
    return refuse(endField, 'InvalidPort', 'endPort has no port to begin with', 'set port, a number');
  }
  if (typeof portField.value === 'string') {
    const name = readContainerPortName(portField);
    if (isPresent(endField))
      return refuse(endField, 'InvalidPort', "a named port can't begin a range", 'use numbers for both ends');
    return name === undefined ? undefined : { type: 'named', name, protocol };
  }
  const first = readPort(portField);
  if (first === undefined) return undefined;
  const last = readInteger(endField, first, 65535);
  return { type: 'range', protocol, first, last: last ?? first };
}
