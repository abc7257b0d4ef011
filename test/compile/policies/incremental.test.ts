import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePolicies, createPolicyCompiler } from '../../../src/compile/policies/compiler.ts';
import { type NodeName, objectKey } from '../../../src/model/names.ts';
import type { ObjectChange, WeirObject } from '../../../src/model/objects.ts';
import type { PolicyRows, PolicyRowsChange } from '../../../src/model/policy-rows.ts';
import { createWorld } from '../../../src/world/world.ts';
import { namespaceObject, networkPolicyObject, podObject } from '../../objects.ts';
import { address, policyClusters } from '../../oracle/generated-policies.ts';

const NODE = 'n1' as NodeName;
const set = (object: WeirObject): ObjectChange => ({ type: 'set', object });
const gone = ({ kind, namespace, name }: WeirObject): ObjectChange => ({
  type: 'delete',
  kind,
  namespace,
  name,
});

/** A compiler that follows a world, with the rows that its changes add up to. */
function follower() {
  const world = createWorld();
  const compiler = createPolicyCompiler(NODE);
  const sum = { peers: new Map(), subjects: new Map(), classes: new Map(), rules: new Map() };
  const update = (changes: readonly ObjectChange[]): PolicyRowsChange => {
    const { change } = compiler.update(world.view, world.apply(changes));
    for (const table of ['peers', 'subjects', 'classes', 'rules'] as const)
      for (const [name, row] of change[table] as ReadonlyMap<string, unknown>)
        if (row === null) {
          if (!sum[table].delete(name)) throw new Error(`${table} ${name} went twice`);
        } else sum[table].set(name, row);
    return change;
  };
  return { world, compiler, sum, update };
}

/** Rows as plain data, whatever the order in which they were made. */
function plain(rows: PolicyRows): unknown {
  const sorted = (map: ReadonlyMap<string, unknown>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
  return [rows.peers, rows.subjects, rows.classes, rows.rules].map(sorted);
}

/** Every object of the first cluster comes, then becomes that of the second (or goes), in an order of its own. */
const histories = fc
  .tuple(policyClusters, policyClusters, fc.infiniteStream(fc.nat()), fc.nat(4))
  .map(([before, after, random, batchSize]) => {
    const keyOf = ({ kind, namespace, name }: WeirObject) => objectKey(kind, namespace, name);
    const final = new Set(after.map(keyOf));
    const lists = new Map<string, ObjectChange[]>();
    const add = (object: WeirObject, change: ObjectChange) =>
      lists.set(keyOf(object), [...(lists.get(keyOf(object)) ?? []), change]);
    for (const object of before) add(object, set(object));
    for (const object of before) if (!final.has(keyOf(object))) add(object, gone(object));
    for (const object of after) add(object, set(object));
    const queues = [...lists.values()];
    const events: ObjectChange[] = [];
    while (queues.length > 0) {
      const at = random.next().value % queues.length;
      events.push(queues[at]?.shift() as ObjectChange);
      if (queues[at]?.length === 0) queues.splice(at, 1);
    }
    return { after, events, batchSize: batchSize + 1 };
  });

describe('updating policy rows', () => {
  it('[I16] ends in the same rows after a thousand different orders of events', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(histories, ({ after, events, batchSize }) => {
        const { compiler, sum, update } = follower();
        for (let at = 0; at < events.length; at += batchSize) update(events.slice(at, at + batchSize));
        const world = createWorld();
        world.apply(after.map(set));
        const fresh = compilePolicies(world.view, NODE);
        expect(plain(compiler.rows())).toEqual(plain(fresh.rows));
        expect(plain(sum)).toEqual(plain(fresh.rows));
      }),
      { numRuns: 1000 },
    );
  });

  it('says what differs when everything is compiled anew', () => {
    fc.assert(
      fc.property(policyClusters, policyClusters, (before, after) => {
        const { compiler, sum, update } = follower();
        update(before.map(set));
        const world = createWorld();
        world.apply(after.map(set));
        const { change } = compiler.update(world.view, 'everything');
        for (const table of ['peers', 'subjects', 'classes', 'rules'] as const)
          for (const [name, row] of change[table] as ReadonlyMap<string, unknown>)
            if (row === null) sum[table].delete(name);
            else sum[table].set(name, row);
        expect(plain(sum)).toEqual(plain(compilePolicies(world.view, NODE).rows));
      }),
      { numRuns: 50 },
    );
  });

  const pods = ['a', 'b', 'c'].map((name, index) =>
    podObject({
      namespace: 'x',
      name,
      nodeName: NODE,
      labels: { app: name },
      addresses: [address(`10.1.0.${index + 1}`)],
    }),
  );
  const [a, b, c] = pods as [WeirObject, WeirObject, WeirObject];
  const app = (value: string) => [{ key: 'app', operator: 'In' as const, values: [value] }];
  const from = (value: string, name = 'p') =>
    networkPolicyObject({
      namespace: 'x',
      name,
      podSelector: app('a'),
      ingress: [
        {
          name: '',
          action: 'Accept',
          peers: [{ type: 'pods', namespaces: 'x', pods: app(value) }],
          ports: 'every',
        },
      ],
    });

  it('[C24] leaves nothing behind when a policy comes and goes a hundred times', () => {
    const { compiler, update } = follower();
    update([...pods.map(set), set(namespaceObject({ name: 'x' })), set(from('b', 'stays'))]);
    const before = plain(compiler.rows());
    for (let round = 0; round < 100; round += 1) {
      update([set(from('c'))]);
      expect(compiler.rows().rules.size).toBe(3 + 1);
      update([gone(from('c'))]);
    }
    expect(plain(compiler.rows())).toEqual(before);
    update([gone(from('b', 'stays'))]);
    expect(plain(compiler.rows())).toEqual([[], [], [], []]);
  });

  it('[C16] a relabelled pod changes its own class and the verdicts about it, nothing else', () => {
    const { update } = follower();
    update([...pods.map(set), set(from('b'))]);
    const change = update([set({ ...(c as typeof b), labels: { app: 'b' } } as WeirObject)]);
    expect([...change.peers.keys()]).toEqual(['10.1.0.3/32']);
    // It joins the class of the other pod, about which there are verdicts already.
    expect([change.subjects.size, change.classes.size, change.rules.size]).toEqual([0, 0, 0]);
    const back = update([set(c)]);
    expect([...back.peers.values()]).toEqual([null]);
    expect([back.subjects.size, back.classes.size]).toEqual([0, 0]);
  });

  it('[C16] a relabelled namespace changes the class of its pods', () => {
    const { update, compiler } = follower();
    const policy = networkPolicyObject({
      namespace: 'x',
      name: 'p',
      ingress: [
        {
          name: '',
          action: 'Accept',
          peers: [{ type: 'pods', namespaces: app('front'), pods: [] }],
          ports: 'every',
        },
      ],
    });
    const other = podObject({ namespace: 'y', name: 'o', addresses: [address('10.2.0.1')] });
    update([set(a), set(other), set(policy), set(namespaceObject({ name: 'y' }))]);
    expect(compiler.rows().peers.size).toBe(0);
    const change = update([set(namespaceObject({ name: 'y', labels: { app: 'front' } }))]);
    expect([...change.peers.keys()]).toEqual(['10.2.0.1/32']);
    const back = update([gone(namespaceObject({ name: 'y' }))]);
    expect(back.peers).toEqual(new Map([['10.2.0.1/32', null]]));
  });

  it('an edited policy keeps the classes of peers and pods, and changes the verdicts', () => {
    const { update } = follower();
    update([...pods.map(set), set(from('b')), set(from('c', 'q'))]);
    const edited = { ...from('b'), ingress: [] };
    const change = update([set(edited)]);
    expect(change.subjects.size).toBe(0);
    expect([...change.peers]).toEqual([['10.1.0.2/32', null]]);
    expect(change.classes.size).toBe(1);
    expect([...change.rules.values()]).toEqual([null]);
    expect(update([set({ ...edited, uid: 'other' })])).toEqual({
      peers: new Map(),
      subjects: new Map(),
      classes: new Map(),
      rules: new Map(),
    });
  });

  it('a policy that selects no pod of this node costs no row', () => {
    const { compiler, update } = follower();
    update([...pods.map((pod) => set({ ...pod, nodeName: 'n2' as NodeName })), set(from('b'))]);
    expect(plain(compiler.rows())).toEqual([[], [], [], []]);
    update([set(a)]);
    expect([...compiler.rows().subjects.keys()]).toEqual(['x/a']);
    expect([...compiler.rows().peers.keys()]).toEqual(['10.1.0.2/32']);
  });
});
