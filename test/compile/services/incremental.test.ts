import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileAll, createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import { compareAddresses, formatEndpoint } from '../../../src/model/address.ts';
import type { CompileOptions } from '../../../src/model/compile-options.ts';
import { type NodeName, type ObjectName, objectName, type Port } from '../../../src/model/names.ts';
import type { WeirObject } from '../../../src/model/objects.ts';
import type { Rows, RowsChange, ServiceId, ServiceRows } from '../../../src/model/rows.ts';
import type { ClusterView, Touched } from '../../../src/model/view.ts';
import { anyObject } from './random-objects.ts';
import { compile, viewOf } from './sample-cluster.ts';
import {
  cidr,
  containerPort,
  defaultOptions,
  endpoint,
  HERE,
  ip,
  NOT_READY,
  node,
  pod,
  service,
  servicePort,
  slice,
  vip,
  zoneLabel,
} from './sample-objects.ts';

const key = (object: WeirObject) => `${object.kind} ${object.namespace}/${object.name}`;

/** The objects of a random walk, with what each batch touches as the world would tell it. */
function createWalk() {
  const objects = new Map<string, WeirObject>();
  return {
    view: () => viewOf([...objects.values()]),
    /** Sets each object, or deletes it if that very object is there already. */
    apply(batch: readonly WeirObject[]): Touched {
      const touched = {
        services: new Set<ObjectName>(),
        pods: new Set<ObjectName>(),
        nodes: new Set<NodeName>(),
      };
      for (const object of batch) {
        const before = objects.get(key(object));
        if (before === object) objects.delete(key(object));
        else objects.set(key(object), object);
        for (const state of before === undefined ? [object] : [before, object]) touch(touched, state);
      }
      return { ...touched, namespaces: new Set(), serviceCidrs: new Set(), policies: new Set() };
    },
  };
}

function touch(
  touched: { services: Set<ObjectName>; pods: Set<ObjectName>; nodes: Set<NodeName> },
  object: WeirObject,
): void {
  const name = objectName(object.namespace, object.name);
  if (object.kind === 'Service') touched.services.add(name);
  if (object.kind === 'EndpointSlice' && object.service !== null) touched.services.add(object.service);
  if (object.kind === 'Pod') touched.pods.add(name);
  if (object.kind === 'Node') touched.nodes.add(object.name as NodeName);
}

function applied(rows: Rows, change: RowsChange): Rows {
  const [services, addresses] = [new Map(rows.services), new Map(rows.addresses)];
  for (const [id, row] of change.services) row === null ? services.delete(id) : services.set(id, row);
  for (const [address, row] of change.addresses)
    row === null ? addresses.delete(address) : addresses.set(address, row);
  return { services, addresses, node: change.node ?? rows.node };
}

/** Entries that change nothing: none of them should be in a change. */
function idle(rows: Rows, change: RowsChange): readonly string[] {
  const same = (a: unknown, b: unknown) => JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
  return [
    ...[...change.services].filter(([id, row]) => same(rows.services.get(id), row)).map(([id]) => id),
    ...[...change.addresses]
      .filter(([address, row]) => same(rows.addresses.get(address), row))
      .map(([a]) => a),
    ...(change.node !== null && same(rows.node, change.node) ? ['node'] : []),
  ];
}

const walks = fc.array(fc.array(anyObject, { minLength: 1, maxLength: 4 }), { maxLength: 25 });
const options: fc.Arbitrary<CompileOptions> = fc
  .record({
    masqueradePods: fc.boolean(),
    allowExternalClusterIp: fc.boolean(),
    clusterCidrs: fc.constantFrom([], [cidr('10.244.0.0/16')]),
    externalIpCidrs: fc.constantFrom([], [cidr('192.0.2.0/24')]),
  })
  .map(defaultOptions);

describe('incremental compiling', () => {
  it('[A64] [A70] ends in the rows of a compile from scratch after every step of a random walk', () => {
    fc.assert(
      fc.property(walks, options, (walk, chosen) => {
        const cluster = createWalk();
        const compiler = createServiceCompiler(chosen);
        compiler.update(cluster.view(), 'everything');
        for (const batch of withDeletions(walk)) {
          const touched = cluster.apply(batch);
          const before = compiler.rows();
          const { change, problems, healthChecks } = compiler.update(cluster.view(), touched);
          const after = compiler.rows();
          expect({ rows: after, problems, healthChecks }).toEqual(compileAll(cluster.view(), chosen));
          expect(applied(before, change)).toEqual(after);
          expect(idle(before, change)).toEqual([]);
        }
      }),
      { numRuns: 150 },
    );
  });

  it('a second look at everything changes nothing', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 30 }), (objects) => {
        const compiler = createServiceCompiler(defaultOptions());
        compiler.update(viewOf(objects), 'everything');
        const { change } = compiler.update(viewOf(objects), 'everything');
        expect([change.services.size, change.addresses.size, change.node]).toEqual([0, 0, null]);
      }),
      { numRuns: 100 },
    );
  });

  it('a look at everything replaces whatever was there', () => {
    fc.assert(
      fc.property(
        fc.array(anyObject, { maxLength: 20 }),
        fc.array(anyObject, { maxLength: 20 }),
        (first, second) => {
          const compiler = createServiceCompiler(defaultOptions());
          compiler.update(viewOf(first), 'everything');
          const before = compiler.rows();
          const { change } = compiler.update(viewOf(second), 'everything');
          expect(compiler.rows()).toEqual(compile(second).rows);
          expect(applied(before, change)).toEqual(compile(second).rows);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('starts from scratch after a call that threw', () => {
    const objects = [service('web', ['10.96.0.1']), slice('web', [endpoint('10.244.1.1')])];
    const compiler = createServiceCompiler(defaultOptions());
    const view = viewOf(objects);
    compiler.update(view, 'everything');
    const broken: ClusterView = {
      ...viewOf([]),
      slicesOf: () => {
        throw new Error('gone');
      },
      services: view.services,
    };
    const touched: Touched = {
      services: new Set(['shop/web' as ObjectName]),
      pods: new Set(),
      nodes: new Set(),
      namespaces: new Set(),
      serviceCidrs: new Set(),
      policies: new Set(),
    };
    expect(() => compiler.update(broken, touched)).toThrow('gone');
    expect(compiler.rows()).toEqual(compile(objects).rows);
    const next = [...objects, service('new', ['10.96.0.2'])];
    const { change } = compiler.update(viewOf(next), { ...touched, services: new Set() });
    expect([...change.services.keys()]).toEqual(['shop/new:/TCP/IPv4']);
  });

  it('[A13] an endpoint’s change looks at its Service only, among a thousand', () => {
    const services = Array.from({ length: 1000 }, (_, n) => service(`s${n}`, [`10.96.${n >> 8}.${n & 255}`]));
    const slices = services.map(({ name }, n) => slice(name, [endpoint(`10.244.${n >> 8}.${n & 255}`)]));
    const asked: string[] = [];
    const watched = (view: ClusterView): ClusterView => ({
      ...view,
      slicesOf: (name) => {
        asked.push(name);
        return view.slicesOf(name);
      },
    });
    const compiler = createServiceCompiler(defaultOptions());
    compiler.update(viewOf([...services, ...slices]), 'everything');
    const unready = slice('s7', [endpoint('10.244.0.7', NOT_READY)]);
    const { change } = compiler.update(watched(viewOf([...services, ...slices, unready])), {
      services: new Set(['shop/s7' as ObjectName]),
      pods: new Set(),
      nodes: new Set(),
      namespaces: new Set(),
      serviceCidrs: new Set(),
      policies: new Set(),
    });
    expect(asked).toEqual(['shop/s7']);
    expect([...change.services.keys()]).toEqual(['shop/s7:/TCP/IPv4']);
    expect([...change.addresses.keys()]).toEqual(['10.96.0.7']);
  });
});

describe('what goes and comes', () => {
  const step = (before: readonly WeirObject[], after: readonly WeirObject[]) => {
    const compiler = createServiceCompiler(defaultOptions());
    compiler.update(viewOf(before), 'everything');
    const touched = {
      services: new Set<ObjectName>(),
      pods: new Set<ObjectName>(),
      nodes: new Set<NodeName>(),
    };
    const changed = [
      ...before.filter((o) => !after.includes(o)),
      ...after.filter((o) => !before.includes(o)),
    ];
    for (const object of changed) touch(touched, object);
    const { change, problems } = compiler.update(viewOf(after), {
      ...touched,
      namespaces: new Set(),
      serviceCidrs: new Set(),
      policies: new Set(),
    });
    return { change, problems, rows: compiler.rows() };
  };
  const shared = { type: 'LoadBalancer' as const, loadBalancerIngress: [vip('192.0.2.1')] };
  const old = service('a', ['10.96.0.1'], { ...shared, createdAtMs: 1 });
  const young = service('b', ['10.96.0.2'], { ...shared, createdAtMs: 2 });
  const kinds = (row: ServiceRows | null | undefined) => row?.frontends.map(({ kind }) => kind);
  const rowOf = (change: RowsChange, name: string) =>
    [...change.services.values()].find((row) => row?.owner === `shop/${name}`);

  it('[A29] the loser of a frontend gets it when the winner goes', () => {
    const { change, problems } = step([old, young], [young]);
    expect(kinds(rowOf(change, 'b'))).toEqual(['clusterIP', 'loadBalancerIP']);
    expect(change.addresses.get(ip('192.0.2.1'))?.owner).toBe('shop/b');
    expect(problems.map(({ reason }) => reason)).toEqual(['NodeNotFound']);
  });

  it('[A29] the winner of a frontend loses it to an older Service that comes', () => {
    const { change } = step([young], [young, old]);
    expect(kinds(rowOf(change, 'b'))).toEqual(['clusterIP']);
    expect(kinds(rowOf(change, 'a'))).toEqual(['clusterIP', 'loadBalancerIP']);
  });

  it('[A31] [I2] a load-balancer IP is withdrawn when a pod gets the address, and served again when it is gone', () => {
    const squatter = pod('late', ['192.0.2.1']);
    expect(kinds(rowOf(step([old], [old, squatter]).change, 'a'))).toEqual(['clusterIP']);
    expect(kinds(rowOf(step([old, squatter], [old]).change, 'a'))).toEqual(['clusterIP', 'loadBalancerIP']);
  });

  it('[A11] an endpoint is withdrawn when a Service gets its address as cluster IP', () => {
    const web = service('web', ['10.96.0.9']);
    const odd = slice('web', [endpoint('10.96.0.1')]);
    expect(rowOf(step([web, odd], [web, odd, old]).change, 'web')?.cluster).toEqual([]);
  });

  it('[A64] a second family comes and goes without a change of the first', () => {
    const single = service('web', ['10.96.0.1'], { ports: [servicePort(80, { nodePort: 30000 as Port })] });
    const dual = service('web', ['10.96.0.1', 'fd96::1'], { ports: single.ports });
    const backends = slice('web', [endpoint('10.244.1.1')]);
    const added = step([single, backends], [dual, backends]).change;
    expect([...added.services.keys()]).toEqual(['shop/web:/TCP/IPv6']);
    const removed = step([dual, backends], [single, backends]).change;
    expect([...removed.services]).toEqual([['shop/web:/TCP/IPv6', null]]);
  });

  it('[A29] the loser of a frontend gets it when the winner is made anew', () => {
    const { change } = step([old, young], [{ ...old, createdAtMs: 3 }, young]);
    expect(kinds(rowOf(change, 'a'))).toEqual(['clusterIP']);
    expect(kinds(rowOf(change, 'b'))).toEqual(['clusterIP', 'loadBalancerIP']);
  });

  it('[A33] a node port makes way for a host port and comes back when the pod goes', () => {
    const web = service('web', ['10.96.0.9'], {
      type: 'NodePort',
      ports: [servicePort(80, { nodePort: 31000 as Port })],
    });
    const rival = pod('rival', ['10.244.0.1'], { ports: [containerPort(8080, 31000)] });
    const came = step([web], [web, rival]);
    expect(kinds(rowOf(came.change, 'web'))).toEqual(['clusterIP']);
    expect(kinds(rowOf(came.change, 'rival'))).toEqual(['hostPort']);
    const went = step([web, rival], [web]);
    expect(kinds(rowOf(went.change, 'web'))).toEqual(['clusterIP', 'nodePort']);
    expect(went.change.services.get('hostport:shop/rival:8080/TCP/IPv4:*:31000' as ServiceId)).toBeNull();
  });

  it.each([
    ['load-balancer', old],
    ['external', service('a', ['10.96.0.1'], { externalIps: [ip('192.0.2.1')] })],
  ])('[I8] a host port is withdrawn when its host IP becomes a Service’s %s IP', (_, owner) => {
    const ports = [containerPort(8080, 80, { hostIp: ip('192.0.2.1') })];
    const exposed = pod('exposed', ['10.244.0.1'], { ports });
    const id = 'hostport:shop/exposed:8080/TCP/IPv4:192.0.2.1:80' as ServiceId;
    expect(step([exposed], [exposed, owner]).change.services.get(id)).toBeNull();
    expect(step([exposed, owner], [exposed]).change.services.get(id)?.owner).toBe('shop/exposed');
  });

  it('[A52] [E11] other labels of this node choose other endpoints and frontends', () => {
    const [plain, zoned] = [node(HERE), node(HERE, { labels: zoneLabel('a') })];
    const web = service('web', ['10.96.0.9'], {
      externalIps: [ip('198.51.100.1')],
      annotations: { 'weir.dev/expose': 'all on topology.kubernetes.io/zone=a' },
    });
    const hinted = slice('hinted', [
      endpoint('10.244.1.1', { hintZones: ['a'] }),
      endpoint('10.244.1.2', { hintZones: ['b'] }),
    ]);
    const others = [web, service('hinted', ['10.96.0.8']), hinted];
    const { change } = step([plain, ...others], [zoned, ...others]);
    expect(kinds(rowOf(change, 'web'))).toEqual(['clusterIP', 'externalIP']);
    expect(rowOf(change, 'hinted')?.cluster).toMatchObject([{ address: '10.244.1.1' }]);
  });

  it('[A37] [A38] [A60] an endpoint that turns unready leaves both lists', () => {
    const web = service('web', ['10.96.0.1'], { affinitySeconds: 10 });
    const [ready, unready] = [
      slice('web', [endpoint('10.244.1.1')]),
      slice('web', [endpoint('10.244.1.1', NOT_READY)]),
    ];
    expect(rowOf(step([web, ready], [web, unready]).change, 'web')).toMatchObject({ cluster: [], local: [] });
  });
});

describe('rows', () => {
  it('do not depend on the order of the objects', () => {
    fc.assert(
      fc.property(
        fc
          .uniqueArray(anyObject, { selector: key, maxLength: 15 })
          .chain((objects) =>
            fc.tuple(fc.constant(objects), fc.shuffledSubarray(objects, { minLength: objects.length })),
          ),
        ([objects, shuffled]) => {
          expect(compile(shuffled)).toEqual(compile(objects));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('[A14] have sorted slots without duplicates, and never list a candidate as excluded', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 30 }), (objects) => {
        for (const row of compile(objects).rows.services.values()) {
          for (const list of ['cluster', 'local'] as const) expectSlots(row, list);
          expect(row.frontends).not.toEqual([]);
          for (const { inside, outside, elsewhere } of row.frontends)
            for (const treatment of [inside, outside, elsewhere])
              if (treatment === 'cluster' || treatment === 'local') expect(row[treatment]).not.toEqual([]);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('[A29] [A65] give a frontend to one Service only', () => {
    fc.assert(
      fc.property(fc.array(anyObject, { maxLength: 30 }), (objects) => {
        const taken = [...compile(objects).rows.services.values()].flatMap((row) =>
          row.frontends.map(({ address, port }) => `${address ?? row.family} ${port} ${row.protocol}`),
        );
        expect(new Set(taken).size).toBe(taken.length);
      }),
      { numRuns: 200 },
    );
  });
});

function expectSlots(row: ServiceRows, list: 'cluster' | 'local'): void {
  const slots = row[list];
  const sorted = [...slots].sort((a, b) => compareAddresses(a.address, b.address) || a.port - b.port);
  expect(slots).toEqual(sorted);
  const texts = slots.map(({ address, port }) => formatEndpoint(address, port));
  expect(new Set(texts).size).toBe(texts.length);
  const excluded = row.excluded.filter((entry) => entry.list === 'both' || entry.list === list);
  expect(excluded.map(({ endpoint: text }) => text).filter((text) => texts.includes(text))).toEqual([]);
}

/** Every fourth batch takes back what the one two before it brought. */
function withDeletions(walk: readonly (readonly WeirObject[])[]): readonly (readonly WeirObject[])[] {
  return walk.flatMap((batch, index) => (index % 4 === 3 ? [batch, walk[index - 2] ?? []] : [batch]));
}
