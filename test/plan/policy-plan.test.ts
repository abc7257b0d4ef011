import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../src/compile/policies/compiler.ts';
import {
  type Address,
  hostPrefix,
  type Prefix,
  prefixContains,
  splitPrefix,
} from '../../src/model/address.ts';
import { type NodeName, type ObjectName, PROTOCOLS, type Protocol } from '../../src/model/names.ts';
import type { NetworkPolicyObject, PodObject, WeirObject } from '../../src/model/objects.ts';
import type { PolicyRule } from '../../src/model/policy.ts';
import { DIRECTIONS, type Direction, type PolicyRows } from '../../src/model/policy-rows.ts';
import { nodeAddresses, probeTargets } from '../../src/model/probe-targets.ts';
import { lookUpVerdict, verdictTable } from '../../src/model/verdict-table.ts';
import {
  isEmptyPolicyPlan,
  type PolicyFact,
  type PolicyNames,
  policyPlan,
} from '../../src/plan/policy-plan.ts';
import { policyPlanLines } from '../../src/plan/policy-plan-text.ts';
import { createWorld } from '../../src/world/world.ts';
import { namespaceObject, networkPolicyObject, nodeObject, podObject } from '../objects.ts';
import {
  address,
  askedPorts,
  EXTERNALS,
  NODES,
  policyClusters,
  policySets,
} from '../oracle/generated-policies.ts';

const N1 = 'n1' as NodeName;

function pod(name: string, last: number, part: Partial<PodObject> = {}): PodObject {
  const addresses = [`10.0.0.${last}`, `fd00::${last}`].map(address);
  return podObject({ namespace: 'shop', name, labels: { app: name }, nodeName: N1, addresses, ...part });
}

const CLUSTER: readonly WeirObject[] = [
  nodeObject({ name: 'n1', addresses: [{ type: 'InternalIP', address: address('172.31.0.1') }] }),
  namespaceObject({ name: 'shop' }),
  pod('web', 1),
  pod('web-2', 2, { labels: { app: 'web' } }),
  pod('near', 3),
  pod('far', 4),
];

const labelled = (app: string) => [{ key: 'app', operator: 'In' as const, values: [app] }];
/** A rule of a NetworkPolicy: pods with these labels, at a TCP port. */
const letIn = (apps: readonly string[], first: number, last = first): PolicyRule => ({
  name: '',
  action: 'Accept',
  peers: apps.map((app) => ({ type: 'pods', namespaces: 'shop', pods: labelled(app) })),
  ports: [{ type: 'range', protocol: 'TCP', first, last }],
});

function isolateWeb(name: string, part: Partial<NetworkPolicyObject> = {}): NetworkPolicyObject {
  return networkPolicyObject({ namespace: 'shop', name, podSelector: labelled('web'), ...part });
}

function rowsOf(objects: readonly WeirObject[], node = N1): PolicyRows {
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  return compilePolicies(world.view, node).rows;
}

function namesOf(objects: readonly WeirObject[]): PolicyNames {
  const { podByAddress, nodes } = probeTargets(objects);
  return {
    pods: new Map(
      [...podByAddress].map(([of, { namespace, name }]) => [of, `${namespace}/${name}` as never]),
    ),
    nodes: new Map([...nodes.values()].flatMap((node) => nodeAddresses(node).map((of) => [of, node.name]))),
  };
}

const plan = (before: readonly WeirObject[], after: readonly WeirObject[]) =>
  policyPlan(rowsOf([...CLUSTER, ...before]), rowsOf([...CLUSTER, ...after]), namesOf(CLUSTER));

const textOf = (...sets: Parameters<typeof plan>) => policyPlanLines(plan(...sets)).join('\n');

describe('a plan of policies', () => {
  it('is empty for equal rows', () => {
    const same = plan([isolateWeb('p')], [isolateWeb('p')]);
    expect(isEmptyPolicyPlan(same)).toBe(true);
    expect([same.policies, same.pods, policyPlanLines(same)]).toEqual([[], [], []]);
  });

  it('[F11] says what a new policy means for the pods it selects, by names', () => {
    const added = isolateWeb('shut', { ingress: [letIn(['near', 'web'], 80)] });
    expect(textOf([], [added])).toBe(`policy rows to write: peers 6, subjects 2, classes 1, rules 4
policies: 1 to add
  + NetworkPolicy shop/shut
pods that policies select: 2 to add
  + shop/web, shop/web-2
      ingress from shop/near, shop/web, shop/web-2: everything but TCP 80 denied, isolated by NetworkPolicy shop/shut (was allowed, no policy decides)
      ingress from anybody but shop/near, shop/web, shop/web-2: everything denied, isolated by NetworkPolicy shop/shut (was allowed, no policy decides)`);
  });

  it('[F11] says what an edited policy means, and nothing of what stays', () => {
    const [before, after] = [letIn(['near'], 80), letIn(['far'], 80)].map((rule) =>
      isolateWeb('shut', { ingress: [letIn(['web'], 81), rule] }),
    );
    expect(textOf([before as never], [after as never])).toBe(`policy rows to write: peers 4, classes 1
policies: 1 to change
  ~ NetworkPolicy shop/shut
pods that policies select: 2 to change
  ~ shop/web, shop/web-2
      ingress from shop/near: TCP 80 denied, isolated by NetworkPolicy shop/shut (was allowed, NetworkPolicy shop/shut spec.ingress[1].from[0].ports[0])
      ingress from shop/far: TCP 80 allowed, NetworkPolicy shop/shut spec.ingress[1].from[0].ports[0] (was denied, isolated by NetworkPolicy shop/shut)`);
  });

  it('[F11] tells a policy that goes, and pods that none selects any more', () => {
    const { policies, pods } = plan([isolateWeb('shut')], []);
    expect(policies).toEqual([{ action: 'remove', policy: 'NetworkPolicy shop/shut' }]);
    const opened = { verdict: 'allowed', rule: null, isolatedBy: [] };
    const ports = [...PROTOCOLS, null].map((protocol) => ({ protocol, first: 0, last: 65_535 }));
    expect(pods).toEqual(
      ['shop/web', 'shop/web-2'].map((name) => ({
        action: 'remove',
        pod: name,
        facts: [
          expect.objectContaining({
            everybodyElse: true,
            peers: [],
            ports,
            after: { ...opened, auditDeniedBy: [] },
          }),
        ],
      })),
    );
  });

  it('names a policy that changes no verdict, and says that none does', () => {
    const text = textOf([isolateWeb('shut')], [isolateWeb('shut'), isolateWeb('too')]);
    expect(text).toMatch(/ {2}\+ NetworkPolicy shop\/too\nno verdict changes$/);
  });

  it('joins ports again that the rows have as prefixes', () => {
    const [first, last] = [8000, 8015];
    const [{ facts } = { facts: [] }] = plan(
      [isolateWeb('shut')],
      [isolateWeb('shut', { ingress: [letIn(['near'], first, last)] })],
    ).pods;
    expect(facts.map(({ ports }) => ports)).toEqual([[{ protocol: 'TCP', first, last }]]);
  });

  it('[C29] tells what an audited policy would deny', () => {
    const [{ facts } = { facts: [] }] = plan([], [isolateWeb('shut', { audit: true })]).pods;
    expect(facts.map(({ after }) => [after.verdict, after.auditDeniedBy])).toEqual([
      ['allowed', ['NetworkPolicy shop/shut']],
    ]);
  });

  it('says nothing of the traffic of a pod that is gone', () => {
    const rows = rowsOf([...CLUSTER, isolateWeb('shut')]);
    const left = CLUSTER.filter((object) => object.name !== 'web-2');
    const { pods } = policyPlan(rows, rowsOf([...left, isolateWeb('shut')]), namesOf(left));
    expect(pods).toEqual([{ action: 'remove', pod: 'shop/web-2', facts: [] }]);
  });

  it('names a pod with its address where only that one is meant', () => {
    const block = { type: 'networks' as const, blocks: [{ cidr: '10.0.0.3/32' as never, except: [] }] };
    const only = isolateWeb('shut', { ingress: [{ ...letIn([], 80), peers: [block] }] });
    const [{ facts } = { facts: [] }] = plan([], [only]).pods;
    expect(facts.map(({ peers }) => peers)).toEqual([['shop/near (10.0.0.3)'], ['shop/near (10.0.0.3)']]);
  });
});

it('[F11] its facts are the differences between any two sets of policies, and all of them', () => {
  fc.assert(
    fc.property(policyClusters, policySets, askedPorts, (objects, others, ports) => {
      const rest = objects.filter(({ kind }) => !kind.endsWith('NetworkPolicy'));
      const wrong = NODES.flatMap((node) =>
        differences(rowsOf(objects, node), rowsOf([...rest, ...others], node), {
          names: namesOf(rest),
          ports,
        }),
      );
      expect(wrong.slice(0, 3)).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

/** Where the facts tell something else than the rows do. */
function differences(
  before: PolicyRows,
  after: PolicyRows,
  { names, ports }: { readonly names: PolicyNames; readonly ports: readonly number[] },
): readonly object[] {
  const facts = new Map(policyPlan(before, after, names).pods.map((planned) => [planned.pod, planned.facts]));
  const judges = [judgeBy(before), judgeBy(after)] as const;
  const prefixes = [...before.peers.keys(), ...after.peers.keys()];
  return [...names.pods.keys(), ...EXTERNALS].flatMap((peer) => {
    const prefix = prefixOver(prefixes, peer);
    const owner = names.pods.get(peer);
    const words =
      prefix === hostPrefix(peer)
        ? [String(owner), `${owner} (${peer})`, peer]
        : prefix === undefined
          ? []
          : [prefix];
    return [...new Set(names.pods.values())].flatMap((subject) =>
      questions(ports).flatMap((asked) => {
        const [was, is] = judges.map((judge) => judge(subject, peer, asked));
        const told = (facts.get(subject) ?? [])
          .filter((fact) => words.some((word) => fact.peers.includes(word)) !== fact.everybodyElse)
          .filter((fact) => isAbout(fact, asked))
          .map((fact) => [textOfOutcome(fact.before), textOfOutcome(fact.after)].join());
        const agrees = told.join(' ') === (was === is ? '' : [was, is].join());
        return agrees ? [] : [{ subject, peer, asked, told, was, is }];
      }),
    );
  });
}

interface Asked {
  readonly direction: Direction;
  readonly protocol: Protocol | null;
  readonly port: number;
}

function questions(ports: readonly number[]): readonly Asked[] {
  return DIRECTIONS.flatMap((direction) => [
    ...PROTOCOLS.flatMap((protocol) => ports.map((port) => ({ direction, protocol, port }))),
    { direction, protocol: null, port: 0 },
  ]);
}

/** The longest prefix that contains the address. */
function prefixOver(prefixes: readonly Prefix[], peer: Address): Prefix | undefined {
  const containing = prefixes.filter((prefix) => prefixContains(prefix, peer));
  return containing.sort((a, b) => splitPrefix(b).length - splitPrefix(a).length)[0];
}

function judgeBy({ subjects, classes, peers }: PolicyRows) {
  const tables = new Map([...classes].map(([name, { verdicts }]) => [name, verdictTable(verdicts)] as const));
  return (subject: ObjectName, peer: Address, asked: Asked): string => {
    const row = subjects.get(subject);
    if (row === undefined) return 'allowed';
    const prefix = prefixOver([...peers.keys()], peer);
    const peerClass = prefix === undefined ? null : (peers.get(prefix)?.peerClass ?? null);
    const found = lookUpVerdict(tables.get(row.policyClass) ?? new Map(), { ...asked, peerClass });
    if (found?.verdict !== 'allow') return 'denied';
    return found.auditRule === null ? 'allowed' : 'audited';
  };
}

function textOfOutcome({ verdict, auditDeniedBy }: PolicyFact['before']): string {
  return verdict === 'allowed' && auditDeniedBy.length > 0 ? 'audited' : verdict;
}

function isAbout({ direction, ports }: PolicyFact, asked: Asked): boolean {
  return (
    direction === asked.direction &&
    ports.some(
      ({ protocol, first, last }) => protocol === asked.protocol && first <= asked.port && asked.port <= last,
    )
  );
}
