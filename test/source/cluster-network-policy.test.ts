import { describe, expect, it } from 'vitest';
import type { PolicyRule } from '../../src/model/policy.ts';
import { indent, parsed, problemsOf, refusalOf } from './parsing.ts';

const policyYaml = (spec: string) =>
  `apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: p}\nspec:\n${indent(spec)}`;
const HEAD = 'tier: Admin\npriority: 10\nsubject: {namespaces: {}}\n';
const policy = (spec: string) => parsed('ClusterNetworkPolicy', policyYaml(HEAD + spec));
const found = (spec: string) =>
  problemsOf(policyYaml(spec)).map(({ severity, reason, field }) => `${severity} ${reason} ${field}`);

function egressRule(rule: string): PolicyRule {
  const [only] = policy(`egress: [${rule}]`).egress;
  if (only === undefined) throw new Error('no rule');
  return only;
}
const web = [{ key: 'app', operator: 'In', values: ['web'] }];
const DENY_ALL = { name: '', action: 'Deny', peers: 'everybody', ports: 'every' };

describe('readClusterNetworkPolicyObject', () => {
  it('[C25] reads tier, priority, subject and rules in order', () => {
    const text = `tier: Baseline
priority: 1000
subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
ingress:
- {name: first, action: Pass, from: [{namespaces: {}}]}
- {action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}]}`;
    expect(parsed('ClusterNetworkPolicy', policyYaml(text))).toMatchObject({
      namespace: '',
      tier: 'Baseline',
      priority: 1000,
      subject: { namespaces: [], pods: web },
      ingress: [
        {
          name: 'first',
          action: 'Pass',
          peers: [{ type: 'pods', namespaces: [], pods: [] }],
          ports: 'every',
        },
        { name: '', action: 'Deny', peers: [{ type: 'pods', namespaces: [], pods: web }] },
      ],
      egress: [],
      audit: false,
    });
    expect(found(text)).toEqual([]);
  });

  it('[C26] reads nodes, networks and ports of every kind', () => {
    const rule = egressRule(
      '{action: Accept, to: [{nodes: {matchLabels: {app: web}}}, {networks: [10.0.0.0/8, "fd00::/8"]}], protocols: [{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 1, end: 9}}}}, {sctp: {destinationPort: {number: 7}}}]}',
    );
    expect(rule.peers).toEqual([
      { type: 'nodes', nodes: web },
      {
        type: 'networks',
        blocks: [
          { cidr: '10.0.0.0/8', except: [] },
          { cidr: 'fd00::/8', except: [] },
        ],
      },
    ]);
    expect(rule.ports).toEqual([
      { type: 'range', protocol: 'TCP', first: 80, last: 80 },
      { type: 'range', protocol: 'UDP', first: 1, last: 9 },
      { type: 'range', protocol: 'SCTP', first: 7, last: 7 },
    ]);
    expect(
      egressRule('{action: Deny, to: [{namespaces: {}}], protocols: [{destinationNamedPort: http}]}').ports,
    ).toEqual([{ type: 'named', name: 'http', protocol: null }]);
  });

  it('[C26] warns of domain names, which match nobody, and only Accept may use', () => {
    expect(egressRule('{action: Accept, to: [{domainNames: ["*.example.com"]}]}').peers).toEqual([
      { type: 'nobody' },
    ]);
    expect(found(`${HEAD}egress: [{action: Accept, to: [{domainNames: [a.b]}]}]`)).toEqual([
      'warning UnsupportedField spec.egress[0].to[0].domainNames',
    ]);
    expect(egressRule('{action: Deny, to: [{domainNames: [a.b]}]}')).toEqual(DENY_ALL);
  });

  it.each([
    ['to: [{}]', 'MissingValue spec.egress[0].to[0]'],
    ['to: [{serviceAccounts: {}}]', 'MissingValue spec.egress[0].to[0]'],
    ['to: [{namespaces: {}, nodes: {}}]', 'InvalidValue spec.egress[0].to[0]'],
    ['to: [{networks: [10.0.0.1/8]}]', 'InvalidCIDR spec.egress[0].to[0].networks[0]'],
    ['to: [{pods: {namespaceSelector: {}}}]', 'MissingValue spec.egress[0].to[0].pods.podSelector'],
    ['to: []', 'MissingValue spec.egress[0].to'],
    ['protocols: []', 'MissingValue spec.egress[0].to'],
  ])('closes a rule with %s: Accept matches nothing, Deny and Pass deny everything', (part, problem) => {
    const accept = egressRule(`{action: Accept, ${part}}`);
    expect(accept.action).toBe('Accept');
    expect(Array.isArray(accept.peers) && accept.peers.every(({ type }) => type === 'nobody')).toBe(true);
    for (const action of ['Deny', 'Pass']) {
      expect(egressRule(`{action: ${action}, ${part}}`)).toEqual(DENY_ALL);
      expect(found(`${HEAD}egress: [{action: ${action}, ${part}}]`)).toContain(`error ${problem}`);
    }
  });

  it.each([
    'protocols: []',
    'protocols: [{}]',
    'protocols: [{tcp: {}}]',
    'protocols: [{tcp: {destinationPort: {number: 0}}}]',
    'protocols: [{tcp: {destinationPort: {range: {start: 5, end: 5}}}}]',
    'protocols: [{tcp: {destinationPort: {range: {start: 5}}}}]',
    'protocols: [{tcp: {destinationPort: {number: 5}}, udp: {destinationPort: {number: 5}}}]',
    'protocols: [{destinationNamedPort: "no name"}]',
  ])('closes a rule with %s', (part) => {
    const { ports } = egressRule(`{action: Accept, to: [{namespaces: {}}], ${part}}`);
    expect(Array.isArray(ports) && ports.every(({ type }) => type === 'no-port')).toBe(true);
    expect(egressRule(`{action: Deny, to: [{namespaces: {}}], ${part}}`)).toEqual(DENY_ALL);
  });

  it('[C26] a named port has no meaning for networks and nodes', () => {
    const rule = (action: string) =>
      `{action: ${action}, to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: http}]}`;
    expect(egressRule(rule('Accept')).ports).toEqual([{ type: 'no-port' }]);
    expect(egressRule(rule('Deny'))).toEqual(DENY_ALL);
  });

  it('denies where nobody can say what a rule does, until somebody does', () => {
    expect(egressRule('{action: Allow, to: [{namespaces: {}}]}')).toEqual(DENY_ALL);
    expect(egressRule('text')).toEqual(DENY_ALL);
  });

  it('knows no nodes and networks as sources', () => {
    const spec = `${HEAD}ingress: [{action: Deny, from: [{networks: [10.0.0.0/8]}]}]`;
    expect(parsed('ClusterNetworkPolicy', policyYaml(spec)).ingress).toEqual([DENY_ALL]);
    expect(found(spec)).toEqual(['error MissingValue spec.ingress[0].from[0]']);
  });

  it('with a subject that makes no sense denies to every pod and opens none', () => {
    const text = `tier: Admin
priority: 1
subject: {pods: {namespaceSelector: {matchExpressions: [{key: a, operator: Inn}]}, podSelector: {matchLabels: {app: web}}}}
ingress: [{action: Accept, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {}}]}]`;
    const read = parsed('ClusterNetworkPolicy', policyYaml(text));
    expect(read.subject).toEqual({ namespaces: [], pods: web });
    expect(read.ingress).toMatchObject([
      { action: 'Accept', peers: [] },
      { action: 'Deny', peers: [{ type: 'pods' }] },
    ]);
  });

  it('is refused whole without tier or priority: nobody could say what it overrides', () => {
    expect(refusalOf(policyYaml('subject: {namespaces: {}}'))).toEqual([
      'MissingValue spec.tier',
      'MissingValue spec.priority',
    ]);
    expect(refusalOf(policyYaml('tier: admin\npriority: 1001\nsubject: {namespaces: {}}'))).toEqual([
      'UnsupportedValue spec.tier',
      'InvalidValue spec.priority',
    ]);
  });
});
