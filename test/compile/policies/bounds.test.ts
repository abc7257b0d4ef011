import { describe, expect, it } from 'vitest';
import { compilePolicies } from '../../../src/compile/policies/compiler.ts';
import type { WeirObject } from '../../../src/model/objects.ts';
import type { PolicyRows } from '../../../src/model/policy-rows.ts';
import { createWorld } from '../../../src/world/world.ts';
import { POLICY_NODE, type PolicyShape, policyAt, policyCluster } from '../../bench/policy-shape.ts';

function compiled(objects: readonly WeirObject[]): PolicyRows {
  const world = createWorld();
  world.apply(objects.map((object) => ({ type: 'set', object })));
  return compilePolicies(world.view, POLICY_NODE).rows;
}

function clusterWith(shape: PolicyShape): readonly WeirObject[] {
  return [
    ...policyCluster(shape),
    ...Array.from({ length: shape.policies }, (_, index) => policyAt(shape, index)),
  ];
}

function sizes({ peers, subjects, classes, rules }: PolicyRows) {
  const verdicts = [...classes.values()].map((each) => each.verdicts.length);
  return {
    peers: peers.size,
    peerClasses: new Set([...peers.values()].map(({ peerClass }) => peerClass)).size,
    subjects: subjects.size,
    classes: classes.size,
    rules: rules.size,
    verdicts: verdicts.reduce((sum, each) => sum + each, 0),
    mostVerdicts: Math.max(...verdicts),
  };
}

describe('growth of policy rows', () => {
  const shape = { pods: 5000, policies: 10_000, nodes: 20 };

  it('10,000 policies over 5,000 pods stay within the bounds that the documents state', {
    timeout: 60_000,
  }, () => {
    const { peers, peerClasses, subjects, classes, rules, verdicts, mostVerdicts } = sizes(
      compiled(clusterWith(shape)),
    );
    expect(subjects).toBe(250);
    expect(classes).toBeLessThanOrEqual(subjects);
    // Addresses of pods (two each), and networks that policies name: 200 blocks, their excepts, and two more.
    expect(peers).toBeLessThanOrEqual(2 * shape.pods + 2 * 200 + 2);
    expect(peerClasses).toBeLessThanOrEqual(peers);
    // Of each class only the peers that its own policies name, a row or two for each.
    expect(mostVerdicts).toBeLessThanOrEqual(peerClasses);
    expect(verdicts).toBeLessThan(10_000);
    // Rules that decide nothing (the same selectors and ports again) are not there.
    expect(rules).toBeLessThan(10 * classes);
  });

  it('grows with the policies that select local pods, not with all', () => {
    const small = { ...shape, pods: 1000, policies: 100 };
    const elsewhere = Array.from({ length: 900 }, (_, index) => ({
      ...policyAt(small, index),
      name: `elsewhere-${index}`,
      podSelector: [{ key: 'app', operator: 'In' as const, values: ['nobody'] }],
    }));
    expect(sizes(compiled([...clusterWith(small), ...elsewhere]))).toEqual(
      sizes(compiled(clusterWith(small))),
    );
  });

  it('a rule for everybody is one row for each class, whatever the number of peers', () => {
    const small = { pods: 1000, policies: 0, nodes: 1 };
    const open = {
      ...policyAt(small, 0),
      podSelector: [],
      ingress: [
        { name: '', action: 'Accept' as const, peers: 'everybody' as const, ports: 'every' as const },
      ],
      egress: null,
    };
    const rows = compiled([...policyCluster(small), open]);
    expect(sizes(rows)).toMatchObject({ peers: 0, subjects: 100, classes: 1, verdicts: 2, rules: 2 });
  });
});
