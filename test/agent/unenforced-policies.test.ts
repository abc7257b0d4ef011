import { expect, it } from 'vitest';
import { completedElsewhere, createPipeline } from '../../src/agent/pipeline.ts';
import { createWorld } from '../../src/world/world.ts';
import { clusterNetworkPolicyObject, networkPolicyObject } from '../objects.ts';
import { changeOf, rowsOf } from './rows-samples.ts';

it('says of each policy that it is not enforced, for as long as it is there', () => {
  const pipeline = createPipeline({
    controlPlane: completedElsewhere,
    world: createWorld(),
    compiler: {
      update: () => ({ change: changeOf(), problems: [], healthChecks: [] }),
      rows: () => rowsOf(),
    },
  });
  const policies = [
    networkPolicyObject({ namespace: 'shop', name: 'p' }),
    clusterNetworkPolicyObject({ name: 'guard' }),
  ];
  pipeline.accept({ changes: policies.map((object) => ({ type: 'set', object })), problems: [] });
  const told = () =>
    pipeline.problems().map(({ severity, reason, object }) => [severity, reason, object.name]);
  expect(told()).toEqual([
    ['warning', 'NotEnforced', 'guard'],
    ['warning', 'NotEnforced', 'p'],
  ]);
  const gone = { type: 'delete', kind: 'ClusterNetworkPolicy', namespace: '', name: 'guard' } as const;
  pipeline.accept({ changes: [gone], problems: [] });
  expect(told()).toEqual([['warning', 'NotEnforced', 'p']]);
});
