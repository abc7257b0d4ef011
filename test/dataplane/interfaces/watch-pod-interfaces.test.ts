/** Pods' interfaces found on real networks of every common shape, and followed. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { PodInterfaceState } from '../../../src/dataplane/interfaces/pod-interface-state.ts';
import type { PodInterfaceChanges } from '../../../src/dataplane/interfaces/pod-interfaces.ts';
import {
  type PodInterfaceWatch,
  watchPodInterfaces,
} from '../../../src/dataplane/interfaces/watch-pod-interfaces.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';
import { boundToParent } from '../../bound-command.ts';
import { createPodNetwork, type PodNetwork } from './pod-network.ts';

const WATCH_PROCESS = fileURLToPath(new URL('./watch-process.ts', import.meta.url));

let network: PodNetwork;
let watch: PodInterfaceWatch;
/** Every state each pod was told to have. */
let told: Map<string, (PodInterfaceState | null)[]>;
let changed: number;
/** All the node's own, whenever it was told that they are others. */
const ownAddresses: (readonly Address[])[] = [];
const errors: unknown[] = [];

beforeEach(() => {
  network = createPodNetwork(`weir-test-pods-${process.pid}`);
  told = new Map();
  changed = 0;
  errors.length = 0;
  ownAddresses.length = 0;
  watch = watchPodInterfaces({
    networkNamespace: network.node,
    onChange: (changes) => {
      changed += 1;
      for (const [pod, state] of changes) told.set(pod, [...(told.get(pod) ?? []), state]);
    },
    onOwnAddresses: () => void ownAddresses.push(watch.ownAddresses().toSorted()),
    onError: (error) => errors.push(error),
  });
});
afterEach(() => {
  watch.close();
  network.remove();
  expect(errors).toEqual([]);
});

function setPods(pods: Readonly<Record<string, readonly string[] | null>>): PodInterfaceChanges {
  return watch.setPods(
    new Map(Object.entries(pods)) as never as ReadonlyMap<ObjectName, readonly Address[] | null>,
  );
}

function stateOf(pod: string): PodInterfaceState | undefined {
  return watch.current.get(pod as ObjectName);
}

async function expectState(pod: string, state: object): Promise<void> {
  await vi.waitFor(() => expect(stateOf(pod)).toMatchObject(state), { timeout: 20_000, interval: 5 });
}

describe('routed pods', () => {
  it('are found whether the pod or its interface comes first, in both families', async () => {
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32', 'fd00::5/128']);
    setPods({ 'shop/a': ['10.1.0.5', 'fd00::5'], 'shop/b': ['10.1.0.6'], 'shop/c': ['fd00::7'] });
    await expectState('shop/a', { interfaceName: 'cali1', how: 'route', bridge: null });
    network.addRoutedPod('b', 'cali2', ['10.1.0.6/32']);
    await expectState('shop/b', { interfaceIndex: network.indexOf('cali2'), how: 'route' });
    network.addRoutedPod('c', 'cali3', ['fd00::7/128']);
    await expectState('shop/c', { interfaceIndex: network.indexOf('cali3'), how: 'route' });
  });

  it('are found again when their interface is made anew under its name', async () => {
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32']);
    setPods({ 'shop/a': ['10.1.0.5'] });
    const before = network.indexOf('cali1');
    await expectState('shop/a', { interfaceIndex: before });
    network.onNode('link delete cali1');
    await expectState('shop/a', { missing: 'searching' });
    network.deletePod('a');
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32']);
    const after = network.indexOf('cali1');
    expect(after).not.toBe(before);
    await expectState('shop/a', { interfaceIndex: after, interfaceName: 'cali1' });
  });

  it('are found where their address moved to', async () => {
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32']);
    network.addRoutedPod('b', 'cali2', ['10.1.0.6/32']);
    setPods({ 'shop/a': ['10.1.0.5'] });
    await expectState('shop/a', { interfaceName: 'cali1' });
    network.onNode('route replace 10.1.0.5/32 dev cali2');
    await expectState('shop/a', { interfaceName: 'cali2' });
    expect(told.get('shop/a')?.at(-1)).toMatchObject({ interfaceName: 'cali2' });
    expect(setPods({ 'shop/a': null })).toEqual(new Map([['shop/a', null]]));
    expect(watch.current.size).toBe(0);
  });

  it('lose their interface with their namespace, and with an interface set down', async () => {
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32']);
    network.addRoutedPod('b', 'cali2', ['10.1.0.6/32']);
    setPods({ 'shop/a': ['10.1.0.5'], 'shop/b': ['10.1.0.6'] });
    await expectState('shop/a', { interfaceName: 'cali1', how: 'route' });
    await expectState('shop/b', { interfaceName: 'cali2', how: 'route' });
    network.deletePod('a');
    await expectState('shop/a', { missing: 'searching' });
    // Its route is gone, and nothing says so; the pod is still there.
    network.onNode('link set cali2 down');
    await expectState('shop/b', { interfaceName: 'cali2', how: 'namespace' });
  });
});

describe('the node’s own addresses', () => {
  it('[A26] are followed, whatever interface has them, without those of pods, of the link and of the host itself', async () => {
    const known = (addresses: readonly string[]) =>
      vi.waitFor(() => expect(watch.ownAddresses().toSorted()).toEqual(addresses), { timeout: 20_000 });
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32', 'fd00::5/128']);
    network.onNode('link set lo up', 'address add 192.0.2.7/24 dev cali1', 'address add 192.0.2.7/32 dev lo');
    network.onNode('address add fd31::7/64 dev cali1 nodad');
    await known(['192.0.2.7', 'fd31::7']);
    const list = watch.ownAddresses();
    network.onNode('address add 192.0.2.7/32 dev cali1');
    await watch.settled();
    expect(watch.ownAddresses()).toBe(list);
    const before = ownAddresses.length;
    network.onNode('address delete 192.0.2.7/24 dev cali1', 'address add 192.0.2.8/32 dev lo');
    await known(['192.0.2.7', '192.0.2.8', 'fd31::7']);
    expect(ownAddresses.slice(before)).toEqual([['192.0.2.7', '192.0.2.8', 'fd31::7']]);
    network.onNode('address delete 192.0.2.7/32 dev lo', 'link delete cali1');
    await known(['192.0.2.8']);
    expect(ownAddresses.at(-1)).toEqual(['192.0.2.8']);
  });
});

describe('bridged pods', () => {
  it('are found by their port as soon as they have their address, without a packet', async () => {
    network.onNode('link add cni0 type bridge', 'link set cni0 up', 'address add 10.1.0.1/24 dev cni0');
    setPods({ 'shop/a': ['10.1.0.5', 'fd00::5'], 'shop/b': ['10.1.0.6'] });
    network.addBridgedPod('a', 'veth1', 'cni0', ['10.1.0.5/24', 'fd00::5/64']);
    network.addBridgedPod('b', 'veth2', 'cni0', ['10.1.0.6/24']);
    const bridge = network.indexOf('cni0');
    await expectState('shop/a', { interfaceIndex: network.indexOf('veth1'), how: 'namespace', bridge });
    await expectState('shop/b', { interfaceIndex: network.indexOf('veth2'), how: 'namespace', bridge });
  });

  it('are found when they were there before, and when their interface is made anew in the same namespace', async () => {
    network.onNode('link add cni0 type bridge', 'link set cni0 up');
    network.addBridgedPod('a', 'veth1', 'cni0', ['10.1.0.5/24']);
    watch.close();
    watch = watchPodInterfaces({
      networkNamespace: network.node,
      onChange: () => undefined,
      onOwnAddresses: () => undefined,
      onError: (error) => errors.push(error),
    });
    setPods({ 'shop/a': ['10.1.0.5'] });
    await expectState('shop/a', { interfaceName: 'veth1' });
    network.inPod('a', 'link delete eth0');
    await expectState('shop/a', { missing: 'searching' });
    const name = network.nameOf('a');
    network.onNode(`link add veth9 type veth peer name eth0 netns ${name}`, 'link set veth9 master cni0 up');
    network.inPod('a', 'link set eth0 up', 'address add 10.1.0.5/24 dev eth0');
    await expectState('shop/a', { interfaceName: 'veth9', how: 'namespace' });
  });

  it('[C34] keep their interface when another pod takes their address', async () => {
    network.onNode('link add cni0 type bridge', 'link set cni0 up');
    network.addBridgedPod('a', 'veth1', 'cni0', ['10.1.0.5/24']);
    network.addBridgedPod('b', 'veth2', 'cni0', ['10.1.0.6/24']);
    setPods({ 'shop/a': ['10.1.0.5'], 'shop/b': ['10.1.0.6'], 'shop/c': ['10.1.0.7'] });
    await expectState('shop/a', { interfaceName: 'veth1' });
    network.inPod('b', 'address add 10.1.0.5/24 dev eth0', 'address add 10.1.0.7/24 dev eth0');
    // The third pod, which b took the address of as well, shows that the watch has seen it.
    await expectState('shop/c', { missing: 'shared-interface' });
    expect(stateOf('shop/a')).toMatchObject({ interfaceName: 'veth1' });
    expect(stateOf('shop/b')).toMatchObject({ interfaceName: 'veth2' });
  });
});

describe('without CAP_NET_BROADCAST', () => {
  it('bridged pods are found too, when they are looked for', async () => {
    network.onNode('link add cni0 type bridge', 'link set cni0 up');
    network.addBridgedPod('a', 'veth1', 'cni0', []);
    const without = ['--bounding-set=-net_broadcast', '--inh-caps=-net_broadcast', process.execPath];
    const child = spawn(
      'setpriv',
      ['--pdeathsig', 'KILL', ...without, WATCH_PROCESS, network.node, '10.1.0.5'],
      {
        stdio: ['pipe', 'pipe', 'inherit'],
      },
    );
    try {
      let lines: readonly string[] = [];
      child.stdout.on('data', (text) => {
        lines = [...lines, ...String(text).trim().split('\n')];
      });
      const last = () => JSON.parse(lines.at(-1) ?? 'null');
      await vi.waitFor(() => expect(last()).toMatchObject({ missing: 'searching' }), { timeout: 20_000 });
      network.inPod('a', 'address add 10.1.0.5/24 dev eth0');
      await vi.waitFor(() => expect(last()).toMatchObject({ interfaceName: 'veth1' }), { timeout: 20_000 });
    } finally {
      child.stdin.end();
    }
  });
});

describe('strangers', () => {
  it('[H6] are veths to addresses of no known pod, from before the pod is known until it goes', async () => {
    network.onNode('link add uplink up type veth peer name cable', 'address add 172.18.0.2/16 dev uplink');
    network.addRoutedPod('a', 'cali1', ['10.1.0.5/32']);
    network.addRoutedPod('b', 'cali2', []);
    const name = { interfaceIndex: network.indexOf('cali1'), interfaceName: 'cali1' };
    await vi.waitFor(() => expect([...watch.strangers().values()]).toEqual([name]), { timeout: 20_000 });
    expect(changed).toBeGreaterThan(0);
    setPods({ 'shop/a': ['10.1.0.5'] });
    expect(watch.strangers().size).toBe(0);
    const before = changed;
    network.inPod('b', 'address add 10.1.0.6/32 dev eth0');
    await vi.waitFor(() => expect(watch.strangers().has(network.indexOf('cali2'))).toBe(true), {
      timeout: 20_000,
    });
    expect(changed).toBe(before + 1);
    setPods({ 'shop/a': null });
    expect(watch.strangers().has(name.interfaceIndex)).toBe(true);
    network.deletePod('a');
    await vi.waitFor(() => expect(watch.strangers().has(name.interfaceIndex)).toBe(false), {
      timeout: 20_000,
    });
  });
});

describe('pods without a veth', () => {
  it('are told apart by what their processes see: macvlan, hardware moved in, nothing', async () => {
    network.onNode('link add uplink type veth peer name cable', 'link set uplink up');
    network.addPod('m');
    network.onNode(`link add link uplink name eth0 netns ${network.nameOf('m')} type macvlan mode bridge`);
    network.inPod('m', 'link set eth0 up', 'address add 10.1.0.5/24 dev eth0');
    network.addPod('d');
    network.inPod('d', 'link set lo up', 'address add 10.1.0.6/32 dev lo');
    const processes = ['m', 'd'].map((pod) =>
      spawn(...boundToParent('nsenter', [`--net=/run/netns/${network.nameOf(pod)}`, 'sleep', '60']), {
        stdio: 'ignore',
      }),
    );
    try {
      setPods({ 'shop/m': ['10.1.0.5'], 'shop/d': ['10.1.0.6'], 'shop/none': ['10.1.0.7'] });
      expect(stateOf('shop/m')).toMatchObject({ missing: 'searching' });
      await expectState('shop/m', { missing: 'macvlan', detail: 'its eth0 (macvlan)' });
      await expectState('shop/d', { missing: 'host-device', detail: 'its lo' });
      await expectState('shop/none', { missing: 'not-found' });
    } finally {
      for (const each of processes) each.kill();
    }
    // Once there is one, it is found all the same.
    network.addRoutedPod('n', 'cali1', ['10.1.0.7/32']);
    await expectState('shop/none', { interfaceName: 'cali1' });
  });
});

describe('five hundred pods', () => {
  it('are all found, with more changes than the kernel keeps', async () => {
    const count = 500;
    const numbers = Array.from({ length: count }, (_, index) => index);
    const address = (number: number) => `10.2.${number >> 8}.${number & 255}`;
    setPods(Object.fromEntries(numbers.map((number) => [`shop/p${number}`, [address(number)]])));
    network.addPod('all');
    const join = (number: number) =>
      `link add veth${number} up type veth peer name eth${number} netns ${network.nameOf('all')}`;
    // All of it happens while nobody reads: more than the socket can hold.
    network.onNode(...numbers.map(join));
    network.onNode(...numbers.map((number) => `route add ${address(number)}/32 dev veth${number}`));
    const churn = numbers.flatMap((number) => [
      `route add 10.3.0.0/32 dev veth${number}`,
      `route delete 10.3.0.0/32 dev veth${number}`,
    ]);
    for (let round = 0; round < 20; round += 1) network.onNode(...churn);
    const found = () =>
      [...watch.current.values()].filter((state) => 'interfaceIndex' in state && state.how === 'route')
        .length;
    await vi.waitFor(() => expect(found()).toBe(count), { timeout: 30_000, interval: 20 });
    for (const number of numbers) {
      expect(stateOf(`shop/p${number}`)).toMatchObject({ interfaceName: `veth${number}` });
    }
  });
});
