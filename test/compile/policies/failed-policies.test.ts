/** Faults in the compile of single policies. A part of a policy that throws when it is read stands for a defect in the compiler. */
import { describe, expect, it } from 'vitest';
import { createPolicyCompiler } from '../../../src/compile/policies/compiler.ts';
import { decidePolicy, policyTables } from '../../../src/dataplane/policy-decision.ts';
import { type NodeName, objectName } from '../../../src/model/names.ts';
import type { PodObject, PolicyObject, WeirObject } from '../../../src/model/objects.ts';
import type { LabelSelector, PolicyRule } from '../../../src/model/policy.ts';
import type { Direction } from '../../../src/model/policy-rows.ts';
import { createWorld } from '../../../src/world/world.ts';
import { clusterNetworkPolicyObject, networkPolicyObject, podObject } from '../../objects.ts';
import { address } from '../../oracle/generated-policies.ts';

const NODE = 'n1' as NodeName;
const app = (value: string): LabelSelector => [{ key: 'app', operator: 'In', values: [value] }];
const ALLOW: PolicyRule = { name: '', action: 'Accept', peers: 'everybody', ports: 'every' };
const PODS = [
  ['x', 'a'],
  ['x', 'b'],
  ['y', 'a'],
  ['y', 'b'],
].map(([namespace = '', name = ''], index) =>
  podObject({
    namespace,
    name,
    nodeName: NODE,
    labels: { app: name },
    addresses: [address(`10.1.0.${index + 1}`)],
  }),
);
const PEER = address('10.9.9.9');

/** The object, but reading the field throws; who compares objects does not see it. */
function broken<Value extends object>(object: Value, field: keyof Value): Value {
  return Object.defineProperty({ ...object }, field, {
    enumerable: false,
    get() {
      throw new RangeError('out of order');
    },
  });
}

function follower() {
  const world = createWorld();
  const compiler = createPolicyCompiler(NODE);
  const tell = (...objects: readonly WeirObject[]) =>
    compiler.update(world.view, world.apply(objects.map((object) => ({ type: 'set', object }))));
  const forget = ({ kind, namespace, name }: PolicyObject) =>
    compiler.update(world.view, world.apply([{ type: 'delete', kind, namespace, name }]));
  const verdictOf = ({ namespace, name }: PodObject, direction: Direction) => {
    const policyClass = compiler.rows().subjects.get(objectName(namespace, name))?.policyClass;
    if (policyClass === undefined) return 'allow';
    const question = { policyClass, direction, peer: PEER, protocol: 'TCP', port: 80 } as const;
    return decidePolicy(policyTables(compiler.rows()), question).verdict;
  };
  /** Pods to which nothing comes. */
  const closed = (direction: Direction = 'ingress') =>
    PODS.filter((pod) => verdictOf(pod, direction) === 'deny').map(
      ({ namespace, name }) => `${namespace}/${name}`,
    );
  return { tell, forget, closed };
}

const failing = (policy: PolicyObject): PolicyObject =>
  policy.kind === 'NetworkPolicy'
    ? { ...policy, ingress: [broken(ALLOW, 'ports')] }
    : { ...policy, ingress: [broken(ALLOW, 'ports')] };
const ofA = networkPolicyObject({ namespace: 'x', name: 'of-a', podSelector: app('a'), ingress: [ALLOW] });
const ofB = networkPolicyObject({ namespace: 'x', name: 'of-b', podSelector: app('b'), ingress: [ALLOW] });

describe('a policy that can’t be compiled', () => {
  it('[C17] [H6] is closed for the pods it selects, is named, and nobody else notices', () => {
    const { tell, closed } = follower();
    tell(...PODS, ofA, ofB);
    expect(closed()).toEqual([]);
    const { problems, change } = tell(failing(ofA));
    expect(closed()).toEqual(['x/a']);
    expect(closed('egress')).toEqual([]);
    expect([...change.subjects.keys()]).toEqual([]);
    expect(problems).toEqual([
      expect.objectContaining({
        severity: 'error',
        reason: 'NotCompiled',
        object: { kind: 'NetworkPolicy', namespace: 'x', name: 'of-a' },
        message: 'could not be compiled (out of order): it is closed for the pods that it selects',
      }),
    ]);
  });

  it('[C17] leaves what other policies allow the same pods, and follows changes of all of them', () => {
    const { tell, closed } = follower();
    tell(...PODS, failing(ofA), ofB);
    expect(closed()).toEqual(['x/a']);
    expect(tell({ ...ofB, ingress: [] }).problems).toHaveLength(1);
    expect(closed()).toEqual(['x/a', 'x/b']);
    tell({ ...ofA, name: 'too', ingress: [ALLOW] });
    expect(closed()).toEqual(['x/b']);
    tell(
      { ...ofA, name: 'too', ingress: [] },
      podObject({ ...PODS[0], namespace: 'x', name: 'a', labels: {} }),
    );
    expect(closed()).toEqual(['x/b']);
  });

  it('[C17] is tried again when it changes, and is forgotten when it goes', () => {
    const { tell, forget, closed } = follower();
    tell(...PODS, failing(ofA));
    expect(tell(ofA).problems).toEqual([]);
    expect(closed()).toEqual([]);
    expect(tell(failing(ofA)).problems).toHaveLength(1);
    expect(closed()).toEqual(['x/a']);
    expect(forget(ofA).problems).toEqual([]);
    expect(closed()).toEqual([]);
  });

  it('[C17] is closed for its whole namespace where its selector is what fails', () => {
    const { tell, closed } = follower();
    const [requirement] = app('a');
    const { problems } = tell(...PODS, ofB, {
      ...ofA,
      podSelector: [broken(requirement as LabelSelector[number], 'values')],
    });
    expect(closed()).toEqual(['x/a']);
    expect(problems).toEqual([
      expect.objectContaining({
        reason: 'NotCompiled',
        message: 'could not be compiled (out of order): it is closed for all pods of its namespace',
      }),
    ]);
    tell({ ...ofB, ingress: [{ ...ALLOW, peers: [] }] });
    expect(closed()).toEqual(['x/a', 'x/b']);
  });

  it.each([
    ['Admin', ['x/a', 'y/a']],
    ['Baseline', ['y/a']],
  ] as const)('[C17] [C25] denies in the place of a ClusterNetworkPolicy of %s', (tier, who) => {
    const { tell, closed } = follower();
    const policy = clusterNetworkPolicyObject({
      name: 'all-a',
      tier,
      subject: { namespaces: [], pods: app('a') },
      ingress: [ALLOW],
    });
    tell(...PODS, ofA, policy);
    expect(closed()).toEqual([]);
    tell(failing(policy));
    expect(closed()).toEqual(who);
    expect(closed('egress')).toEqual([]);
  });

  it('[C17] is found among several that select the same pods, when their verdicts are made', () => {
    const { tell, closed } = follower();
    let works = true;
    const late = Object.defineProperty({ ...ofA, name: 'late' }, 'audit', {
      enumerable: false,
      get() {
        if (works) return false;
        throw new Error('out of order');
      },
    });
    tell(...PODS, ofA, late);
    works = false;
    const { problems } = tell({ ...ofA, ingress: [ALLOW, ALLOW] });
    expect(problems.map(({ object }) => object.name)).toEqual(['late']);
    expect(closed()).toEqual([]);
    tell({ ...ofA, ingress: [] });
    expect(closed()).toEqual(['x/a']);
  });

  it('[C17] closes with those of the same pods where only together they fail', () => {
    const { tell, closed } = follower();
    const subject = { namespaces: [], pods: app('a') };
    const some = ['one', 'two'].map((name) =>
      broken(clusterNetworkPolicyObject({ name, subject, ingress: [ALLOW] }), 'priority'),
    );
    const { problems } = tell(...PODS, ...some);
    expect(problems.map(({ object }) => object.name)).toEqual(['one', 'two']);
    expect(closed()).toEqual(['x/a', 'y/a']);
  });

  it('[C29] denies nothing where it is only audited', () => {
    const { tell, closed } = follower();
    tell(...PODS, failing({ ...ofA, audit: true }));
    expect(closed()).toEqual([]);
  });

  it('many that fail at once are closed, and all of them told', () => {
    const { tell, closed } = follower();
    const many = Array.from({ length: 50 }, (_, number) => failing({ ...ofA, name: `p${number}` }));
    expect(tell(...PODS, ...many, ofB).problems).toHaveLength(50);
    expect(closed()).toEqual(['x/a']);
  });
});
