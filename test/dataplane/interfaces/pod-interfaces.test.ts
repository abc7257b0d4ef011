/** Which interface is whose, by what a node's network tells. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isFound } from '../../../src/dataplane/interfaces/pod-interface-state.ts';
import { createPodInterfaces } from '../../../src/dataplane/interfaces/pod-interfaces.ts';
import type { NetworkChange } from '../../../src/kernel/network.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import { naiveInterfaces } from './naive-interfaces.ts';
import { createNetworkScene, held, route, veth } from './network-scene.ts';

const A = 'shop/a' as ObjectName;
const B = 'shop/b' as ObjectName;
const EMPTY = { interfaces: [], routes: [], addresses: [] };

function podsAt(entries: Readonly<Record<string, readonly string[] | null>>) {
  return new Map(Object.entries(entries)) as unknown as ReadonlyMap<ObjectName, readonly Address[] | null>;
}

function resolver(network: Partial<Parameters<ReturnType<typeof createPodInterfaces>['setNetwork']>[0]>) {
  const interfaces = createPodInterfaces();
  interfaces.setNetwork({ ...EMPTY, ...network });
  return interfaces;
}

describe('a pod’s interface', () => {
  it('is the veth that the node has a route to its address by', () => {
    const interfaces = resolver({ interfaces: [veth(7, 0)], routes: [route('10.1.0.5', 7)] });
    const state = {
      interfaceIndex: 7,
      interfaceName: 'veth7',
      how: 'route',
      bridge: null,
      addresses: ['10.1.0.5', 'fd00::5'],
    };
    const changes = interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5', 'fd00::5'] }));
    expect(changes).toEqual(new Map([[A, state]]));
    expect(interfaces.current).toEqual(changes);
  });

  it('is the bridge’s port whose other end has the address', () => {
    const interfaces = resolver({
      interfaces: [
        { ...veth(9, null), kind: 'bridge', peer: null },
        { ...veth(10, null), kind: 'vrf', peer: null },
        veth(7, 3, { master: 9 }),
        veth(8, 4, { master: 10 }),
      ],
      addresses: [held('10.1.0.5', 3), held('10.1.0.6', 4), held('10.1.0.5', 4, 5)],
    });
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5'], 'shop/b': ['10.1.0.6'] }));
    expect(interfaces.current.get(A)).toMatchObject({ interfaceIndex: 7, how: 'namespace', bridge: 9 });
    expect(interfaces.current.get(B)).toMatchObject({ interfaceIndex: 8, bridge: null });
  });

  it('follows a recreated interface, a moved route, and a moved address', () => {
    const interfaces = resolver({ interfaces: [veth(7, 0)], routes: [route('10.1.0.5', 7)] });
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5'] }));
    const index = () => {
      const state = interfaces.current.get(A);
      return state !== undefined && isFound(state) ? state.interfaceIndex : undefined;
    };
    interfaces.applyNetwork([{ kind: 'interface', subject: veth(7, 0), gone: true }]);
    expect(interfaces.current.get(A)).toMatchObject({ missing: 'searching' });
    interfaces.applyNetwork([
      { kind: 'interface', subject: veth(8, 1), gone: false },
      { kind: 'route', subject: route('10.1.0.5', 8), gone: false },
    ]);
    expect(index()).toBe(8);
    interfaces.applyNetwork([
      { kind: 'interface', subject: veth(9, 2), gone: false },
      { kind: 'route', subject: route('10.1.0.5', 9), gone: false },
      // The kernel tells of the route that is replaced neither before nor, as here, in time.
      { kind: 'route', subject: route('10.1.0.5', 8), gone: true },
    ]);
    expect(index()).toBe(9);
    interfaces.applyNetwork([{ kind: 'interface', subject: veth(9, 2, { up: false }), gone: false }]);
    expect(index()).toBeUndefined();
    interfaces.applyNetwork([{ kind: 'address', subject: held('10.1.0.5', 1), gone: false }]);
    expect(index()).toBe(8);
    expect(interfaces.applyNetwork([{ kind: 'namespace', id: 1 }])).toEqual(
      new Map([[A, { missing: 'searching', detail: '', addresses: ['10.1.0.5'] }]]),
    );
  });

  it('[C34] stays a pod’s own when another pod takes its address too', () => {
    const interfaces = resolver({
      interfaces: [veth(7, 3), veth(8, 4)],
      addresses: [held('10.1.0.5', 3), held('10.1.0.6', 4)],
    });
    interfaces.setPods(podsAt({ 'shop/b': ['10.1.0.5'], 'shop/a': ['10.1.0.6'] }));
    const before = new Map(interfaces.current);
    expect(interfaces.applyNetwork([{ kind: 'address', subject: held('10.1.0.5', 4), gone: false }])).toEqual(
      new Map(),
    );
    expect(interfaces.current).toEqual(before);
    // Nor does it help to take it before one's own pod is known.
    interfaces.setPods(podsAt({ 'shop/a': null, 'shop/b': null }));
    interfaces.setPods(podsAt({ 'shop/b': ['10.1.0.5'] }));
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.6'] }));
    expect(interfaces.current).toEqual(before);
  });

  it('is one pod’s alone: the other one is told who has it', () => {
    const interfaces = resolver({
      interfaces: [veth(7, 3)],
      routes: [route('10.1.0.5', 7), route('10.1.0.6', 7)],
    });
    interfaces.setPods(podsAt({ 'shop/b': ['10.1.0.6'] }));
    expect(interfaces.current.get(B)).toMatchObject({ interfaceIndex: 7 });
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5'] }));
    expect(interfaces.current.get(A)).toMatchObject({ interfaceIndex: 7 });
    expect(interfaces.current.get(B)).toMatchObject({
      missing: 'shared-interface',
      detail: 'veth7, which shop/a has',
    });
    expect([...interfaces.setPods(podsAt({ 'shop/a': null })).keys()]).toEqual([A, B]);
    expect(interfaces.current.get(B)).toMatchObject({ interfaceIndex: 7 });
  });

  it('is none that leads out of the node: only routes to the very address count, and veths into other namespaces', () => {
    const uplink = veth(2, 0);
    const interfaces = resolver({
      interfaces: [uplink, veth(7, null)],
      routes: [route('10.1.0.6', 7)],
      addresses: [held('172.18.0.1', 0)],
    });
    interfaces.setPods(podsAt({ 'shop/a': ['172.18.0.9'], 'shop/b': ['10.1.0.6'] }));
    expect(interfaces.current.get(A)).toMatchObject({ missing: 'searching' });
    expect(interfaces.current.get(B)).toMatchObject({ missing: 'no-veth' });
  });
});

describe('a missing interface', () => {
  it.each([
    ['macvlan', 'macvlan'],
    ['macvtap', 'macvlan'],
    ['ipvlan', 'ipvlan'],
    ['', 'host-device'],
    ['tun', 'no-veth'],
    ['veth', 'no-veth'],
  ])('is explained by the pod’s own interface: %s', (kind, missing) => {
    const interfaces = resolver({});
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5'] }));
    interfaces.setDevices(new Map([['10.1.0.5' as Address, { name: 'eth0', kind }]]));
    expect(interfaces.current.get(A)).toMatchObject({ missing, detail: expect.stringContaining('eth0') });
  });

  it('is explained by what the node’s route goes by instead', () => {
    const tunnel = veth(7, null, { name: 'tap1', kind: 'tun', peer: null });
    const interfaces = resolver({ interfaces: [tunnel], routes: [route('10.1.0.5', 7)] });
    interfaces.setPods(podsAt({ 'shop/a': ['10.1.0.5'] }));
    expect(interfaces.current.get(A)).toMatchObject({
      missing: 'no-veth',
      detail: "the node's route goes by tap1 (tun)",
    });
  });

  it('is looked for anew once it had been there', () => {
    const interfaces = resolver({});
    const address = '10.1.0.5' as Address;
    interfaces.setPods(podsAt({ 'shop/a': [address] }));
    interfaces.setDevices(new Map([[address, null]]));
    expect(interfaces.current.get(A)).toMatchObject({ missing: 'not-found' });
    interfaces.applyNetwork([
      { kind: 'interface', subject: veth(7, 3), gone: false },
      { kind: 'address', subject: held(address, 3), gone: false },
    ]);
    expect(interfaces.current.get(A)).toMatchObject({ interfaceIndex: 7 });
    interfaces.applyNetwork([{ kind: 'interface', subject: veth(7, 3), gone: true }]);
    expect(interfaces.current.get(A)).toMatchObject({ missing: 'searching' });
  });
});

const smallAddress = fc.constantFrom(
  '10.1.0.1',
  '10.1.0.2',
  '10.1.0.3',
  'fd00::1',
  'fd00::2',
) as fc.Arbitrary<Address>;
/** What goes comes back seldom enough by chance: most of the time, things are there. */
const seldom = fc.integer({ min: 0, max: 4 }).map((number) => number === 0);
const index = fc.integer({ min: 1, max: 4 });
const namespace = fc.integer({ min: 0, max: 2 });
const interfaceChange = fc.record({
  kind: fc.constant('interface' as const),
  gone: seldom,
  subject: fc
    .tuple(index, fc.option(namespace, { freq: 5 }), seldom, seldom)
    .map(([at, id, down, tap]) => veth(at, id, { up: !down, kind: tap ? 'tun' : 'veth' })),
});
const routeChange = fc.record({
  kind: fc.constant('route' as const),
  gone: seldom,
  subject: fc
    .tuple(smallAddress, index, fc.constantFrom(254, 100))
    .map(([address, at, table]) => route(address, at, { table })),
});
const addressChange = fc.record({
  kind: fc.constant('address' as const),
  gone: seldom,
  subject: fc
    .tuple(smallAddress, namespace, seldom)
    .map(([address, id, other]) => held(address, id, other ? 3 : 2)),
});
const change: fc.Arbitrary<NetworkChange> = fc.oneof(
  { weight: 6, arbitrary: interfaceChange },
  { weight: 3, arbitrary: routeChange },
  { weight: 10, arbitrary: addressChange },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('namespace' as const), id: namespace }) },
);
const podChange = fc.tuple(
  fc.constantFrom('shop/a', 'shop/b', 'shop/c'),
  fc.option(fc.uniqueArray(smallAddress, { maxLength: 2 }), { freq: 5 }),
);
const step = fc.oneof(
  { weight: 20, arbitrary: change.map((network) => ({ network })) },
  { weight: 8, arbitrary: podChange.map((pod) => ({ pod })) },
  { weight: 1, arbitrary: fc.constant('snapshot') },
);

describe('any order of changes', () => {
  it('gives what looking at everything gives, and tells exactly what differs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const scene = createNetworkScene();
        const pods = new Map<ObjectName, readonly Address[]>();
        const interfaces = createPodInterfaces();
        for (const each of steps) {
          const before = new Map(interfaces.current);
          const told = takeStep(each, scene, pods, interfaces);
          const wanted = naiveInterfaces({ ...scene.snapshot(), pods });
          const found = [...interfaces.current].map(
            ([pod, state]) => [pod, isFound(state) ? state.interfaceIndex : null] as const,
          );
          expect(new Map(found)).toEqual(wanted);
          for (const [pod, state] of told) expect(state).not.toEqual(before.get(pod) ?? null);
          const after = [...new Map([...before, ...told])].filter(([, state]) => state !== null);
          expect(new Map(after)).toEqual(interfaces.current);
        }
      }),
      { numRuns: 300 },
    );
  });
});

function takeStep(
  each:
    | { readonly network: NetworkChange }
    | { readonly pod: readonly [string, readonly Address[] | null] }
    | string,
  scene: ReturnType<typeof createNetworkScene>,
  pods: Map<ObjectName, readonly Address[]>,
  interfaces: ReturnType<typeof createPodInterfaces>,
) {
  if (typeof each === 'string') return interfaces.setNetwork(scene.snapshot());
  if ('network' in each) return interfaces.applyNetwork(scene.apply(each.network));
  const [pod, addresses] = each.pod;
  if (addresses === null || addresses.length === 0) pods.delete(pod as ObjectName);
  else pods.set(pod as ObjectName, addresses);
  return interfaces.setPods(podsAt({ [pod]: addresses }));
}
