import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../../src/compile/policies/compiler.ts';
import type { NodeName, Port } from '../../../src/model/names.ts';
import type { PodObject, WeirObject } from '../../../src/model/objects.ts';
import type { LabelSelector, PolicyPort, PolicyRule } from '../../../src/model/policy.ts';
import { createWorld } from '../../../src/world/world.ts';
import { clusterNetworkPolicyObject, networkPolicyObject, podObject } from '../../objects.ts';
import { address } from '../../oracle/generated-policies.ts';

const app = (value: string): LabelSelector => [{ key: 'app', operator: 'In', values: [value] }];
const peer = (value: string) => ({ type: 'pods' as const, namespaces: 'x', pods: app(value) });
const tcp = (first: number, last = first): PolicyPort => ({ type: 'range', protocol: 'TCP', first, last });
const rule = (
  peers: PolicyRule['peers'],
  ports: PolicyRule['ports'] = 'every',
  action: PolicyRule['action'] = 'Accept',
): PolicyRule => ({ name: '', action, peers, ports });
const pod = (name: string, number: number, part: Partial<PodObject> = {}) =>
  podObject({
    namespace: 'x',
    name,
    labels: { app: name },
    nodeName: 'n1' as NodeName,
    addresses: [address(`10.1.0.${number}`)],
    ...part,
  });
const PODS = [pod('a', 1), pod('b', 2), pod('c', 3)];
const policy = (ingress: readonly PolicyRule[], name = 'p') =>
  networkPolicyObject({ namespace: 'x', name, podSelector: app('a'), ingress });

function compiled(objects: readonly WeirObject[]) {
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  return compilePolicies(world.view, 'n1' as NodeName);
}

/** Verdicts of the only class as `PEER PROTOCOL PORT/BITS VERDICT RULE`, ingress only. */
function verdictTexts(objects: readonly WeirObject[]): readonly string[] {
  const { rows } = compiled(objects);
  const names = new Map([...rows.peers.values()].map(({ prefix, peerClass }) => [peerClass, prefix]));
  return [...rows.classes.values()].flatMap(({ verdicts }) =>
    verdicts
      .filter(({ direction }) => direction === 'ingress')
      .map((row) =>
        [
          row.peerClass === null ? 'any' : names.get(row.peerClass),
          `${row.protocol ?? '*'} ${row.port}/${row.bits}`,
          row.verdict,
          row.rule.replace(/^default-deny.*/, 'default'),
        ].join(' '),
      ),
  );
}

describe('verdict rows', () => {
  it('[C2] an empty list is one row that denies, an empty rule one that allows', () => {
    expect(verdictTexts([...PODS, policy([])])).toEqual(['any * 0/0 deny default']);
    expect(verdictTexts([...PODS, policy([rule('everybody')])])).toEqual([
      'any * 0/0 allow NetworkPolicy/x/p/ingress/0/-/-',
    ]);
  });

  it('a class has rows only where its verdict differs from that for any peer', () => {
    expect(
      verdictTexts([...PODS, policy([rule([peer('b')], [tcp(80), tcp(81)]), rule('everybody', [tcp(80)])])]),
    ).toEqual([
      'any * 0/0 deny default',
      'any TCP 80/16 allow NetworkPolicy/x/p/ingress/1/-/0',
      '10.1.0.2/32 TCP 81/16 allow NetworkPolicy/x/p/ingress/0/0/1',
    ]);
  });

  it('[C25] a higher tier removes what it overrides, and Pass leaves it to the next', () => {
    const guard = clusterNetworkPolicyObject({
      name: 'guard',
      subject: { namespaces: [], pods: app('a') },
      ingress: [rule([peer('b')], [tcp(80)], 'Pass'), rule([peer('b'), peer('c')], 'every', 'Deny')],
    });
    expect(verdictTexts([...PODS, guard, policy([rule([peer('b'), peer('c')])])])).toEqual([
      'any * 0/0 deny default',
      '10.1.0.2/32 * 0/0 deny ClusterNetworkPolicy//guard/ingress/1/0/-',
      '10.1.0.2/32 TCP 80/16 allow NetworkPolicy/x/p/ingress/0/0/-',
      '10.1.0.3/32 * 0/0 deny ClusterNetworkPolicy//guard/ingress/1/1/-',
    ]);
  });

  it('all ports but one are a row for the protocol and one for the exception', () => {
    const guard = clusterNetworkPolicyObject({
      name: 'no-ssh',
      subject: { namespaces: [], pods: app('a') },
      ingress: [rule([peer('b')], [tcp(22)], 'Deny')],
    });
    expect(verdictTexts([...PODS, guard, policy([rule([peer('b')], [tcp(0, 65535)])])])).toEqual([
      'any * 0/0 deny default',
      '10.1.0.2/32 TCP 0/0 allow NetworkPolicy/x/p/ingress/0/0/0',
      '10.1.0.2/32 TCP 22/16 deny ClusterNetworkPolicy//no-ssh/ingress/0/0/0',
    ]);
  });

  it('[C8] pods whose named ports differ are of different classes, and a name nobody has is told', () => {
    const port = (number: number) => [
      { name: 'http', port: number as Port, protocol: 'TCP' as const, hostPort: null, hostIp: null },
    ];
    const named: PolicyPort = { type: 'named', name: 'http', protocol: 'TCP' };
    const both = [pod('a', 1, { ports: port(80) }), pod('d', 4, { labels: { app: 'a' }, ports: port(8080) })];
    const { rows, problems } = compiled([...both, policy([rule('everybody', [named])])]);
    expect(rows.classes.size).toBe(2);
    expect(problems).toEqual([]);
    const missing: PolicyPort = { type: 'named', name: 'admin', protocol: 'TCP' };
    expect(compiled([...both, policy([rule('everybody', [tcp(1), missing])])]).problems).toMatchObject([
      {
        severity: 'warning',
        object: { kind: 'NetworkPolicy', namespace: 'x', name: 'p' },
        field: 'spec.ingress[0].ports[1]',
        reason: 'UnknownPortName',
      },
    ]);
  });

  it('[C14][C19] pods in the host network, and those that have ended, are neither subjects nor peers', () => {
    const host = pod('a', 1, { hostNetwork: true });
    const ended = pod('b', 2, { phase: 'Succeeded' });
    const reused = pod('c', 2);
    const { rows } = compiled([host, ended, reused, policy([rule([peer('b')])])]);
    expect([rows.subjects.size, rows.peers.size]).toEqual([0, 0]);
    const { rows: live } = compiled([pod('a', 1), ended, reused, policy([rule([peer('b'), peer('c')])])]);
    expect([...live.peers.keys()]).toEqual(['10.1.0.2/32']);
  });

  it('[C17] a selected pod without an address yet is a subject already', () => {
    const { rows } = compiled([pod('a', 1, { addresses: [], phase: 'Pending' }), policy([])]);
    expect([...rows.subjects.values()]).toMatchObject([{ pod: 'x/a', addresses: [] }]);
  });

  it('[C7] an except is a prefix without class inside one that has one', () => {
    const block = { cidr: '10.0.0.0/8' as never, except: ['10.2.0.0/16' as never] };
    const { rows } = compiled([...PODS, policy([rule([{ type: 'networks', blocks: [block] }])])]);
    expect([...rows.peers].map(([prefix, { peerClass }]) => [prefix, peerClass === null])).toEqual([
      ['10.0.0.0/8', false],
      ['10.2.0.0/16', true],
    ]);
  });

  it('pods that no selector names need no row inside a block', () => {
    const block = { cidr: '10.0.0.0/8' as never, except: [] };
    const ingress = [rule([{ type: 'networks', blocks: [block] }, peer('b')])];
    expect([...compiled([...PODS, policy(ingress)]).rows.peers.keys()].sort()).toEqual([
      '10.0.0.0/8',
      '10.1.0.2/32',
    ]);
  });
});
