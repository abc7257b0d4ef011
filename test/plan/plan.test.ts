import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileAll } from '../../src/compile/services/compiler.ts';
import type { NodeName } from '../../src/model/names.ts';
import type { Rows } from '../../src/model/rows.ts';
import { planLines, planReport } from '../../src/plan/plan-report.ts';
import { applyChange, diffRows, isEmptyChange } from '../../src/plan/rows-diff.ts';
import { createWorld } from '../../src/world/world.ts';
import { clusterIpRow, frontend, LOCAL, REMOTE, rows, service } from '../explain/example-rows.ts';
import { clusters, compileOptions } from '../oracle/generators.ts';

const VIP = '10.96.0.7';
const web = service('web', { frontends: [frontend('clusterIP', VIP, 80)] });
const before = rows([web, service('old', {})], { addresses: [clusterIpRow(VIP)] });

describe('a plan', () => {
  it('is empty for equal rows', () => {
    const change = diffRows(before, structuredClone(before));
    expect(isEmptyChange(change)).toBe(true);
    const report = planReport(change, { observed: before });
    expect(report).toEqual({ services: [], addresses: [], node: [] });
    expect(planLines(report)).toEqual([]);
  });

  it('names every row and fact that comes, goes or changes', () => {
    const changed = { ...web, cluster: [REMOTE], affinitySeconds: 60 };
    const fresh = service('new', { frontends: [frontend('nodePort', null, 30001)], local: [] });
    const after = rows([changed, fresh], { node: { masqueradeAll: true } });
    const lines = planLines(planReport(diffRows(before, after), { observed: before }));
    expect(lines.join('\n')).toBe(`services: 1 to add, 1 to change, 1 to remove
  + a/new:http/TCP/IPv4
      + frontend nodePort *:30001: inside cluster, outside cluster, elsewhere cluster
      + slot cluster/0: 10.244.0.10:8080 (this node)
      + slot cluster/1: 10.244.1.11:8080
  - a/old:http/TCP/IPv4
      - slot cluster/0: 10.244.0.10:8080 (this node)
      - slot cluster/1: 10.244.1.11:8080
      - slot local/0: 10.244.0.10:8080 (this node)
  ~ a/web:http/TCP/IPv4
      ~ slot cluster/0: 10.244.1.11:8080 (was 10.244.0.10:8080 (this node))
      - slot cluster/1: 10.244.1.11:8080
      + affinity: 60 s
addresses: 1 to remove
  - 10.96.0.7
      - owner: a/web (clusterIP)
      - ping: answered
node: 1 to change
  ~ n0
      ~ masquerade all: true (was false)`);
  });

  it('[A58] [F8] tells weights, and how a Service is balanced where it asks for that', () => {
    const balancing = {
      scheduler: 'wrr',
      slowStartSeconds: 30,
      ejects: false,
      retries: false,
      terminateAfterSeconds: 0,
    } as const;
    const changed = { ...web, cluster: [{ ...LOCAL, weight: 5 }, REMOTE], balancing };
    const report = planReport(diffRows(rows([web]), rows([changed])), { observed: rows([web]) });
    expect(planLines(report).slice(2)).toEqual([
      '      ~ slot cluster/0: 10.244.0.10:8080 (this node, weight 5) (was 10.244.0.10:8080 (this node))',
      '      + scheduler: wrr',
      '      + slow start: 30 s',
      '      + ejection: off',
      '      + retry: off',
      '      + terminate after: 0 s',
    ]);
  });

  it('tells endpoints that come to be excluded, and zones', () => {
    const excluded = [{ endpoint: '10.244.1.12:8080', list: 'both' as const, why: 'not-ready' as const }];
    const changed = { ...web, cluster: [{ ...LOCAL, zone: 'east' }, REMOTE], excluded };
    const change = diffRows(rows([web]), rows([changed]));
    expect(planReport(change, { observed: rows([web]) }).services).toEqual([
      {
        action: 'change',
        row: web.id,
        facts: [
          {
            action: 'change',
            what: 'slot cluster/0',
            before: '10.244.0.10:8080 (this node)',
            after: '10.244.0.10:8080 (this node, zone east)',
          },
          { action: 'add', what: 'excluded 10.244.1.12:8080 (both)', before: null, after: 'not-ready' },
        ],
      },
    ]);
  });
});

it('[A70] the change between any two clusters leads from one to the other, and a second plan is empty', () => {
  fc.assert(
    fc.property(clusters, clusters, compileOptions, (from, to, options) => {
      const [observed, wanted] = [from, to].map((objects): Rows => {
        const world = createWorld();
        world.apply(objects.map((object) => ({ type: 'set', object })));
        return compileAll(world.view, { ...options, node: 'n0' as NodeName }).rows;
      });
      if (observed === undefined || wanted === undefined)
        throw new Error('two clusters make two sets of rows');
      const change = diffRows(observed, wanted);
      const reached = applyChange(observed, change);
      expect(new Map([...reached.services].sort())).toEqual(new Map([...wanted.services].sort()));
      expect(reached.addresses).toEqual(wanted.addresses);
      expect(reached.node).toEqual(wanted.node);
      expect(isEmptyChange(diffRows(reached, wanted))).toBe(true);
      const report = planReport(change, { observed });
      expect(report.services).toHaveLength(change.services.size);
      expect(planLines(report).length > 0).toBe(!isEmptyChange(change));
    }),
    { numRuns: 50 },
  );
});
