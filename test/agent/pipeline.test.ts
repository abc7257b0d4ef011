import { describe, expect, it } from 'vitest';
import { createPipeline } from '../../src/agent/pipeline.ts';
import type { NodeName, ObjectName } from '../../src/model/names.ts';
import type { EndpointSliceObject, NodeObject, ObjectChange } from '../../src/model/objects.ts';
import type { RowsChange } from '../../src/model/rows.ts';
import type { ClusterView, Touched } from '../../src/model/view.ts';
import { changeOf, rowsOf, serviceRows } from './rows-samples.ts';

const touchedService = (name: string): Touched => ({
  services: new Set([name as ObjectName]),
  pods: new Set(),
  nodes: new Set(),
  namespaces: new Set(),
  serviceCidrs: new Set(),
  policies: new Set(),
});

function pipelineWith(nodes = new Map<NodeName, NodeObject>()) {
  const updates: (Touched | 'everything')[] = [];
  const touches: Touched[] = [];
  const changes: RowsChange[] = [];
  let fail: Error | null = null;
  const view = { nodes } as unknown as ClusterView;
  const pipeline = createPipeline({
    controlPlane: { apply: (changes) => ({ changes, problems: [] }) },
    world: { view, apply: () => touches.shift() ?? touchedService('none/none') },
    compiler: {
      update(_, touched) {
        updates.push(touched);
        if (fail !== null) throw fail;
        return { change: changes.shift() ?? changeOf(), problems: [], healthChecks: [] };
      },
      rows: () => rowsOf(),
      addressRow: () => undefined,
    },
  });
  return { pipeline, updates, touches, changes, failWith: (error: Error | null) => (fail = error) };
}

const slice = (annotations: Readonly<Record<string, string>>): ObjectChange => ({
  type: 'set',
  object: { kind: 'EndpointSlice', annotations } as EndpointSliceObject,
});

describe('pipeline', () => {
  it('compiles everything first, then what was touched since the last compile', () => {
    const { pipeline, updates, touches } = pipelineWith();
    pipeline.accept({ changes: [], problems: [] });
    pipeline.compile();
    touches.push(touchedService('shop/web'), touchedService('shop/cart'));
    pipeline.accept({ changes: [], problems: [] });
    pipeline.accept({ changes: [], problems: [] });
    pipeline.compile();
    pipeline.compile();
    expect(updates[0]).toBe('everything');
    expect(updates[1]).toMatchObject({ services: new Set(['shop/web', 'shop/cart']) });
    expect(updates[2]).toMatchObject({ services: new Set() });
  });

  it('gives each who installs rows every change once, whoever has it compiled', () => {
    const { pipeline, changes } = pipelineWith();
    const ids = ({ services }: RowsChange) => [...services.keys()];
    changes.push(changeOf(serviceRows('shop/early')));
    pipeline.compile();
    const take = pipeline.followRows();
    changes.push(changeOf(serviceRows('shop/web')));
    expect(ids(pipeline.compile().change)).toEqual(['shop/web:http/TCP/IPv4']);
    changes.push(changeOf(serviceRows('shop/cart')));
    expect(ids(take())).toEqual(['shop/web:http/TCP/IPv4', 'shop/cart:http/TCP/IPv4']);
    expect(ids(take())).toEqual([]);
    expect(ids(pipeline.compile().change)).toEqual(['shop/cart:http/TCP/IPv4']);
  });

  it('compiles everything again after a compile that threw', () => {
    const { pipeline, updates, failWith } = pipelineWith();
    pipeline.compile();
    failWith(new Error('broken'));
    pipeline.accept({ changes: [], problems: [] });
    expect(() => pipeline.compile()).toThrow('broken');
    failWith(null);
    pipeline.compile();
    expect(updates.at(-1)).toBe('everything');
  });

  it('[E37] counts changes of Services and slices and hands on when they were triggered', () => {
    const { pipeline } = pipelineWith();
    const annotations = { 'endpoints.kubernetes.io/last-change-trigger-time': '2026-11-21T14:00:00Z' };
    const gone: ObjectChange = { type: 'delete', kind: 'Service', namespace: 'shop', name: 'web' };
    pipeline.accept({ changes: [slice(annotations), slice({}), gone], problems: [] });
    expect(pipeline.changeCounts()).toEqual({ services: 1, endpoints: 2 });
    expect(pipeline.compile().triggeredAtMs).toEqual([Date.UTC(2026, 10, 21, 14)]);
    expect(pipeline.compile().triggeredAtMs).toEqual([]);
  });

  it('[A50] knows when this node is being deleted', () => {
    const node = (name: string, state: Partial<NodeObject>) =>
      [name as NodeName, { deleting: false, ...state } as NodeObject] as const;
    const nodes = [node('n1', { deleting: true }), node('n2', { leaving: true }), node('n3', {})];
    const { pipeline } = pipelineWith(new Map(nodes));
    const leaving = ['n1', 'n2', 'n3', 'n4'].filter((name) => pipeline.nodeDeleting(name as NodeName));
    expect(leaving).toEqual(['n1', 'n2']);
  });
});
