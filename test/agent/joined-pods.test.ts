/** Which interfaces are to be judged, change by change. Whether one stands is asked of the real kernel: loopback does. */
import { describe, expect, it } from 'vitest';
import { createJoinedPods } from '../../src/agent/joined-pods.ts';
import { createLocalPods } from '../../src/agent/local-pods.ts';
import type { PodInterfaceState } from '../../src/dataplane/interfaces/pod-interface-state.ts';
import type { Address } from '../../src/model/address.ts';
import type { NodeName, ObjectName } from '../../src/model/names.ts';
import type { PodObject } from '../../src/model/objects.ts';
import { createWorld } from '../../src/world/world.ts';
import { podObject } from '../objects.ts';

const LOOPBACK = 1;
const [WEB, CART] = ['shop/web', 'shop/cart'] as ObjectName[] as [ObjectName, ObjectName];
const ADDRESSES = ['10.0.0.1' as Address];
const at = (interfaceIndex: number): PodInterfaceState => ({
  interfaceIndex,
  interfaceName: 'veth',
  how: 'route',
  bridge: null,
  addresses: ADDRESSES,
});
const judged = (pod: ObjectName, interfaceIndex: number, held = false) => [
  pod,
  { pod, interfaceIndex, addresses: ADDRESSES, held },
];
const nobodys = (interfaceIndex: number) => {
  const pod = `interface ${interfaceIndex}`;
  return [pod, { pod, interfaceIndex, addresses: [], held: true }];
};

/** Pods' interfaces are the test's. */
function createScene() {
  const current = new Map<ObjectName, PodInterfaceState>();
  const uncompiled = new Set<ObjectName>();
  const changed: ObjectName[] = [];
  const pods = createJoinedPods({
    pipeline: { isCompiled: (pod) => !uncompiled.has(pod) },
    podInterfaces: {
      current,
      strangers: () => new Map(),
      takeChanged: () => new Set(changed.splice(0)),
    },
    defaultClosed: () => false,
  });
  return {
    pods,
    uncompiled,
    set(pod: ObjectName, state: PodInterfaceState | null) {
      changed.push(pod);
      if (state === null) current.delete(pod);
      else current.set(pod, state);
    },
    renewed: async () => [...(await pods.renew())],
  };
}

describe('local pods’ interfaces', () => {
  it('are told when they change, and not again', async () => {
    const { pods, set, renewed } = createScene();
    set(WEB, at(7));
    expect(await renewed()).toEqual([judged(WEB, 7)]);
    set(WEB, at(7));
    expect(await renewed()).toEqual([]);
    set(WEB, { missing: 'macvlan', detail: 'eth0', addresses: ADDRESSES });
    expect(await renewed()).toEqual([[WEB, null]]);
    expect(pods.podBehind(7)).toBeUndefined();
  });

  it('[H6] are closed while nobody has them, until another pod does', async () => {
    const { pods, set, renewed } = createScene();
    set(WEB, at(LOOPBACK));
    await renewed();
    set(WEB, null);
    expect(await renewed()).toEqual([[WEB, null], nobodys(LOOPBACK)]);
    expect(await renewed()).toEqual([]);
    set(CART, at(LOOPBACK));
    expect(await renewed()).toEqual([judged(CART, LOOPBACK), ['interface 1', null]]);
    expect(pods.podBehind(LOOPBACK)).toBe(CART);
  });

  it('change places', async () => {
    const { pods, set, renewed } = createScene();
    set(WEB, at(7));
    set(CART, at(8));
    await renewed();
    set(WEB, at(8));
    set(CART, at(7));
    expect(await renewed()).toEqual([judged(WEB, 8), judged(CART, 7)]);
    expect([pods.podBehind(7), pods.podBehind(8)]).toEqual([CART, WEB]);
  });

  it('[C17] are held until the pod’s policies are compiled, and not again', async () => {
    const { set, uncompiled, renewed } = createScene();
    uncompiled.add(WEB);
    set(WEB, at(7));
    expect(await renewed()).toEqual([judged(WEB, 7, true)]);
    expect(await renewed()).toEqual([]);
    uncompiled.clear();
    expect(await renewed()).toEqual([judged(WEB, 7)]);
    uncompiled.add(WEB);
    set(WEB, at(7));
    expect(await renewed()).toEqual([]);
  });
});

describe('local pods', () => {
  it('are told once, come and go with node, phase and host network, and not for labels', () => {
    const node = 'here' as NodeName;
    const world = createWorld();
    const pods = createLocalPods(world.view, node);
    const tell = (changes: Partial<PodObject>) => {
      const object = {
        ...podObject({ namespace: 'shop', name: 'web' }),
        nodeName: node,
        addresses: ADDRESSES,
      };
      pods.touch(world.apply([{ type: 'set', object: { ...object, ...changes } }]).pods);
      return [...pods.take()];
    };
    expect(tell({})).toEqual([[WEB, ADDRESSES]]);
    expect(tell({ labels: { app: 'other' } })).toEqual([]);
    expect(tell({ nodeName: 'there' as NodeName })).toEqual([[WEB, null]]);
    expect(tell({})).toEqual([[WEB, ADDRESSES]]);
    expect(tell({ hostNetwork: true })).toEqual([[WEB, null]]);
    expect(tell({ phase: 'Succeeded' })).toEqual([]);
    expect(tell({})).toEqual([[WEB, ADDRESSES]]);
    expect(tell({ phase: 'Succeeded' })).toEqual([[WEB, null]]);
  });
});
