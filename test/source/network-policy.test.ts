import { describe, expect, it } from 'vitest';
import type { PolicyRule } from '../../src/model/policy.ts';
import { indent, parsed, problemsOf } from './parsing.ts';

const policyYaml = (spec: string, metadata = 'name: p, namespace: shop') =>
  `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {${metadata}}\nspec:\n${indent(spec)}`;
const policy = (spec: string) => parsed('NetworkPolicy', policyYaml(spec));
/** Severity, reason and field of everything found. */
const found = (spec: string) =>
  problemsOf(policyYaml(spec)).map(({ severity, reason, field }) => `${severity} ${reason} ${field}`);

function onlyRule(rules: readonly PolicyRule[] | null): PolicyRule {
  if (rules?.length !== 1 || rules[0] === undefined) throw new Error('not one rule');
  return rules[0];
}
const ingressRule = (rule: string) => onlyRule(policy(`ingress: [${rule}]`).ingress);
const NOBODY = [{ type: 'nobody' }];

describe('readNetworkPolicyObject', () => {
  it.each([
    ['{}', [], null],
    ['podSelector: {}', [], null],
    ['ingress: []', [], null],
    ['egress: []', [], null],
    ['egress: [{}]', [], 'rule'],
    ['policyTypes: [Egress]', null, []],
    ['policyTypes: [Ingress, Egress]', [], []],
    ['policyTypes: []', [], null],
    ['policyTypes: [Ingress]\negress: [{}]', [], null],
  ])('[C3] fills the policy types of %s', (spec, ingress, egress) => {
    const read = policy(spec);
    expect(read.ingress).toEqual(ingress);
    const rule = { name: '', action: 'Accept', peers: 'everybody', ports: 'every' };
    expect(read.egress).toEqual(egress === 'rule' ? [rule] : egress);
    expect(found(spec)).toEqual([]);
  });

  it('[C2] an absent or empty list of peers or ports is everybody and every port', () => {
    const open = { name: '', action: 'Accept', peers: 'everybody', ports: 'every' };
    for (const rule of ['{}', '{from: [], ports: []}', '{from: null}', 'null'])
      expect(ingressRule(rule)).toEqual(open);
  });

  it('[C5] keeps both selectors of a peer together, and a lone podSelector in the own namespace', () => {
    const web = [{ key: 'app', operator: 'In', values: ['web'] }];
    const team = [{ key: 'team', operator: 'In', values: ['a'] }];
    const pods = 'podSelector: {matchLabels: {app: web}}';
    const namespaces = 'namespaceSelector: {matchLabels: {team: a}}';
    expect(ingressRule(`{from: [{${pods}, ${namespaces}}]}`).peers).toEqual([
      { type: 'pods', namespaces: team, pods: web },
    ]);
    expect(ingressRule(`{from: [{${pods}}, {${namespaces}}, {podSelector: {}}]}`).peers).toEqual([
      { type: 'pods', namespaces: 'shop', pods: web },
      { type: 'pods', namespaces: team, pods: [] },
      { type: 'pods', namespaces: 'shop', pods: [] },
    ]);
  });

  it('[C6] reads every operator, in one order however it is written', () => {
    const expressions = `
  - {key: d, operator: DoesNotExist}
  - {key: c, operator: Exists}
  - {key: b, operator: NotIn, values: [y, x, x]}
  - {key: a, operator: In, values: [z]}`;
    const selector = policy(`podSelector:\n  matchLabels: {e: f}\n  matchExpressions:${expressions}`);
    expect(selector.podSelector).toEqual([
      { key: 'a', operator: 'In', values: ['z'] },
      { key: 'b', operator: 'NotIn', values: ['x', 'y'] },
      { key: 'c', operator: 'Exists', values: [] },
      { key: 'd', operator: 'DoesNotExist', values: [] },
      { key: 'e', operator: 'In', values: ['f'] },
    ]);
  });

  it('[C7][I6] reads a block with its exceptions in canonical form', () => {
    expect(ingressRule('{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.1.0/24]}}]}').peers).toEqual([
      { type: 'networks', blocks: [{ cidr: '10.0.0.0/16', except: ['10.0.1.0/24'] }] },
    ]);
    expect(ingressRule('{from: [{ipBlock: {cidr: "FD00:0::/64"}}]}').peers).toEqual([
      { type: 'networks', blocks: [{ cidr: 'fd00::/64', except: [] }] },
    ]);
  });

  it('[C8][C9][C10] reads numbers, names, ranges and bare protocols', () => {
    const ports = [
      '{port: 80}',
      '{port: http, protocol: UDP}',
      '{port: 32000, endPort: 32768}',
      '{protocol: SCTP}',
      '{}',
    ];
    expect(ingressRule(`{ports: [${ports.join(', ')}]}`).ports).toEqual([
      { type: 'range', protocol: 'TCP', first: 80, last: 80 },
      { type: 'named', name: 'http', protocol: 'UDP' },
      { type: 'range', protocol: 'TCP', first: 32000, last: 32768 },
      { type: 'range', protocol: 'SCTP', first: 0, last: 65535 },
      { type: 'range', protocol: 'TCP', first: 0, last: 65535 },
    ]);
  });

  it.each([
    ['{ipBlock: {cidr: 10.0.0.1/8}}', 'InvalidCIDR', '.ipBlock.cidr'],
    ['{ipBlock: {cidr: 010.0.0.0/8}}', 'InvalidCIDR', '.ipBlock.cidr'],
    ['{ipBlock: {cidr: "::ffff:10.0.0.0/104"}}', 'InvalidCIDR', '.ipBlock.cidr'],
    ['{ipBlock: {}}', 'MissingValue', '.ipBlock.cidr'],
    ['{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}', 'InvalidExcept', '.ipBlock.except[0]'],
    ['{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}', 'InvalidExcept', '.ipBlock.except[0]'],
    ['{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}', 'InvalidExcept', '.ipBlock.except[0]'],
    ['{ipBlock: {cidr: 10.0.0.0/8, except: ["fd00::/64"]}}', 'InvalidExcept', '.ipBlock.except[0]'],
    ['{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}', 'InvalidValue', ''],
    ['{}', 'MissingValue', ''],
    ['null', 'MissingValue', ''],
    ['{serviceAccounts: {}}', 'MissingValue', ''],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: Inn, values: [b]}]}}',
      'UnsupportedValue',
      '.podSelector.matchExpressions[0].operator',
    ],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: In}]}}',
      'MissingValue',
      '.podSelector.matchExpressions[0].values',
    ],
    [
      '{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]}}',
      'InvalidValue',
      '.podSelector.matchExpressions[0].values',
    ],
    [
      '{podSelector: {matchExpressions: [{key: "a b", operator: DoesNotExist}]}}',
      'InvalidLabel',
      '.podSelector.matchExpressions[0].key',
    ],
    ['{namespaceSelector: text}', 'InvalidType', '.namespaceSelector'],
  ])('[I13] the peer %s matches nobody, and the other peers stay', (peer, reason, field) => {
    const spec = `ingress: [{from: [{podSelector: {}}, ${peer}]}]`;
    const { peers } = onlyRule(policy(spec).ingress);
    expect(peers).toEqual([{ type: 'pods', namespaces: 'shop', pods: [] }, ...NOBODY]);
    expect(found(spec)).toEqual([`error ${reason} spec.ingress[0].from[1]${field}`]);
    expect(problemsOf(policyYaml(spec))[0]?.remedy).not.toBe('');
  });

  it.each([
    ['{port: 0}', 'InvalidPort', '.port'],
    ['{port: "80"}', 'InvalidPortName', '.port'],
    ['{port: 80, endPort: 79}', 'InvalidValue', '.endPort'],
    ['{port: http, endPort: 90}', 'InvalidPort', '.endPort'],
    ['{endPort: 90}', 'InvalidPort', '.endPort'],
    ['{port: 80, protocol: ICMP}', 'UnsupportedValue', '.protocol'],
  ])('[I13] the port %s matches nothing, and the other ports stay', (port, reason, field) => {
    const spec = `ingress: [{ports: [{port: 81}, ${port}]}]`;
    expect(onlyRule(policy(spec).ingress).ports).toEqual([
      { type: 'range', protocol: 'TCP', first: 81, last: 81 },
      { type: 'no-port' },
    ]);
    expect(found(spec)).toEqual([`error ${reason} spec.ingress[0].ports[1]${field}`]);
  });

  it('[I13] lists that are none are nobody and no port', () => {
    expect(ingressRule('{from: all, ports: 80}')).toMatchObject({
      peers: NOBODY,
      ports: [{ type: 'no-port' }],
    });
    expect(ingressRule('text')).toMatchObject({ peers: [], ports: [] });
    expect(policy('ingress: all').ingress).toEqual([]);
  });

  it('isolates what a bad selector may mean, and opens nothing', () => {
    const spec = `podSelector: {matchLabels: {app: web}, matchExpressions: [{key: a, operator: Inn}]}
ingress: [{}]
egress: [{}]`;
    expect(policy(spec)).toMatchObject({
      podSelector: [{ key: 'app', operator: 'In', values: ['web'] }],
      ingress: [],
      egress: [],
    });
    expect(found(spec)).toEqual(['error UnsupportedValue spec.podSelector.matchExpressions[0].operator']);
  });

  it('isolates in both directions where the policy types or the whole spec make no sense', () => {
    expect(policy('policyTypes: [Both]\ningress: [{}]')).toMatchObject({ egress: [] });
    const raw = 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\nspec: closed';
    expect(parsed('NetworkPolicy', raw)).toMatchObject({ podSelector: [], ingress: [], egress: [] });
    expect(problemsOf(raw)).toMatchObject([{ severity: 'error', reason: 'InvalidType', field: 'spec' }]);
  });

  it('[C29] is audited by the annotation, and enforced where its value is unknown', () => {
    const annotated = (value: string) => policyYaml('{}', `name: p, annotations: {weir.dev/audit: ${value}}`);
    expect(parsed('NetworkPolicy', annotated('"true"')).audit).toBe(true);
    expect(parsed('NetworkPolicy', annotated('"false"')).audit).toBe(false);
    expect(problemsOf(annotated('"false"'))).toEqual([]);
    expect(parsed('NetworkPolicy', annotated('"yes"')).audit).toBe(false);
    expect(problemsOf(annotated('"yes"'))).toMatchObject([
      { severity: 'warning', field: 'metadata.annotations.weir.dev/audit' },
    ]);
  });
});
