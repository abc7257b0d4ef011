/** Interfaces, routes and addresses of a real namespace: listed, watched, and what happens when too much happens. */
import { execFileSync, spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { nativeAddon } from '../../src/kernel/native.ts';
import {
  listAddresses,
  listHostRoutes,
  listInterfaces,
  listNeighbourAddresses,
  type NetworkChange,
  watchNetwork,
} from '../../src/kernel/network.ts';
import { type NetworkSnapshot, streamNetwork } from '../../src/kernel/network-stream.ts';
import { createPodNetwork, type PodNetwork } from '../dataplane/interfaces/pod-network.ts';

const NAME = `weir-test-network-${process.pid}`;
const LIST_NETWORK = fileURLToPath(new URL('./list-network.ts', import.meta.url));
let network: PodNetwork;
let place: { readonly networkNamespace: string };
let stop = () => {};

beforeAll(() => {
  network = createPodNetwork(NAME);
  place = { networkNamespace: network.node };
  network.addRoutedPod('a', 'veth1', ['10.1.0.5/32', 'fd00::5/128']);
  network.onNode('link add br0 type bridge', 'link set br0 up');
  network.addBridgedPod('b', 'veth2', 'br0', ['10.1.0.6/24']);
});
afterEach(() => stop());
afterAll(() => network.remove());

const eventually = (check: () => void) => vi.waitFor(check, { timeout: 30_000 });

/** Everything that is told from now on; null for a gap. */
function watched(): (NetworkChange | null)[] {
  const changes: (NetworkChange | null)[] = [];
  stop = watchNetwork((batch) => changes.push(...(batch ?? [null])), place);
  return changes;
}

describe('lists', () => {
  it('have every interface with its kind, bridge and other end', async () => {
    const interfaces = await listInterfaces(place);
    const named = (name: string) => interfaces.find((each) => each.name === name);
    expect(named('lo')).toMatchObject({ index: 1, kind: '', up: false, master: null, peer: null });
    expect(named('br0')).toMatchObject({ kind: 'bridge', up: true, master: null });
    const [a, b] = [named('veth1'), named('veth2')];
    expect(a).toMatchObject({ kind: 'veth', up: true, master: null, index: network.indexOf('veth1') });
    expect(b).toMatchObject({ kind: 'veth', master: network.indexOf('br0') });
    expect([a?.peer?.namespace, b?.peer?.namespace].toSorted()).toEqual([0, 1]);
  });

  it('have the routes to single addresses, without gateways, blocks and the node’s own', async () => {
    network.onNode(
      'address add 192.0.2.1/24 dev veth1',
      'route add 10.9.0.0/24 dev veth1',
      'route add 10.9.1.1/32 via 192.0.2.9',
      'route add blackhole 10.9.1.2/32',
      'route add 10.9.1.3/32 dev veth2 table 7 metric 5',
    );
    const interfaceIndex = network.indexOf('veth1');
    const routes = await listHostRoutes(place);
    expect(routes.toSorted((x, y) => (x.address < y.address ? -1 : 1))).toEqual([
      { address: '10.1.0.5', interfaceIndex, table: 254, metric: 0 },
      { address: '10.9.1.3', interfaceIndex: network.indexOf('veth2'), table: 7, metric: 5 },
      { address: 'fd00::5', interfaceIndex, table: 254, metric: 1024 },
    ]);
  });

  it('have the addresses of a namespace beside, by its id here', async () => {
    const interfaces = await listInterfaces(place);
    const peer = interfaces.find(({ name }) => name === 'veth1')?.peer;
    const id = peer?.namespace ?? -1;
    const held = { interfaceIndex: peer?.index, namespace: id };
    await expect(listNeighbourAddresses(id, place)).resolves.toEqual([
      { address: '10.1.0.5', ...held },
      { address: 'fd00::5', ...held },
    ]);
    await expect(listNeighbourAddresses(99, place)).resolves.toEqual([]);
    const pod = { networkNamespace: `/run/netns/${network.nameOf('a')}` };
    expect((await listAddresses(pod)).map(({ address }) => address)).toEqual(['10.1.0.5', 'fd00::5']);
  });

  it('have no addresses of a namespace that the process has no say in: that of the host around its user namespace', async () => {
    const child = spawn('unshare', ['--user', '--map-root-user', '--net', 'sleep', '60']);
    const pid = String(child.pid);
    try {
      const own = readlinkSync('/proc/self/ns/net');
      await eventually(() => expect(readlinkSync(`/proc/${pid}/ns/net`)).not.toBe(own));
      network.onNode(`link add up1 type veth peer name eth0 netns ${pid}`, 'link set up1 up');
      network.onNode('address add 192.0.2.33/32 dev up1');
      const enter = ['--target', pid, '--user', '--net', '--preserve-credentials', process.execPath];
      const text = execFileSync('nsenter', [...enter, LIST_NETWORK], { encoding: 'utf8' });
      expect(JSON.parse(text)).toEqual({ names: ['lo', 'eth0'], ids: [0], addresses: [[]] });
    } finally {
      child.kill();
    }
  });

  it('say which namespace can’t be entered', async () => {
    await expect(listInterfaces({ networkNamespace: `${network.node}-none` })).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining(`${NAME}-none`),
    });
    expect(() => watchNetwork(() => undefined, { networkNamespace: `${network.node}-none` })).toThrow(
      `${NAME}-none`,
    );
  });

  it('refuse what is no id, no path, no function, no reader', () => {
    const native = nativeAddon();
    expect(() => native.listAddresses(-1)).toThrow('id');
    expect(() => native.listInterfaces(7 as never)).toThrow('path');
    expect(() => native.watchNetwork('x' as never)).toThrow('take must be a function');
    expect(() => native.closeReader({} as never)).toThrow('not a reader');
  });
});

describe('changes', () => {
  it('are told in their order: interface, route, address beside, and their end', async () => {
    const changes = watched();
    network.addRoutedPod('c', 'veth3', ['10.1.0.7/32', 'fd00::7/128']);
    const interfaceIndex = network.indexOf('veth3');
    network.deletePod('c');
    await eventually(() =>
      expect(changes.at(-1)).toMatchObject({ kind: 'interface', subject: { name: 'veth3' }, gone: true }),
    );
    const index = (wanted: object) => {
      const found = changes.findIndex((change) => expect.objectContaining(wanted).asymmetricMatch(change));
      expect(found, JSON.stringify(wanted)).toBeGreaterThanOrEqual(0);
      return found;
    };
    const subject = (fields: object) => expect.objectContaining(fields);
    const order = [
      index({ kind: 'interface', gone: false, subject: subject({ name: 'veth3', up: false }) }),
      index({ kind: 'interface', gone: false, subject: subject({ name: 'veth3', up: true }) }),
      index({ kind: 'route', gone: false, subject: subject({ address: '10.1.0.7', interfaceIndex }) }),
      index({ kind: 'route', gone: false, subject: subject({ address: 'fd00::7', interfaceIndex }) }),
      // The last: the namespace of a test before may end only now.
      changes.findLastIndex((change) => change?.kind === 'namespace'),
    ];
    expect(order).toEqual(order.toSorted((x, y) => x - y));
  });

  it('of addresses beside come with the namespace’s id, the node’s own without', async () => {
    const changes = watched();
    network.inPod('b', 'address add 10.1.0.66/24 dev eth0', 'address delete 10.1.0.66/24 dev eth0');
    network.onNode('address add 192.0.2.7/24 dev veth2', 'address delete 192.0.2.7/24 dev veth2');
    const ofIPv4 = () =>
      changes.filter((change) => change?.kind === 'address' && !change.subject.address.includes(':'));
    await eventually(() => expect(ofIPv4().length).toBe(2));
    const peer = (await listInterfaces(place)).find(({ name }) => name === 'veth2')?.peer;
    const held = { address: '10.1.0.66', namespace: peer?.namespace, interfaceIndex: peer?.index };
    expect(ofIPv4()).toEqual([
      { kind: 'address', gone: false, subject: held },
      { kind: 'address', gone: true, subject: held },
    ]);
    const own = { address: '192.0.2.7', interfaceIndex: network.indexOf('veth2') };
    await eventually(() =>
      expect(changes.filter((change) => change?.kind === 'own-address')).toEqual([
        { kind: 'own-address', gone: false, subject: own },
        { kind: 'own-address', gone: true, subject: own },
      ]),
    );
  });

  it('end when the watch is closed, from within as well', async () => {
    const changes = watched();
    const inside = watchNetwork(() => {
      inside();
      stop();
      changes.push(null);
    }, place);
    network.onNode('route add 10.9.2.1/32 dev veth1');
    await eventually(() => expect(changes).toContain(null));
    network.onNode('route delete 10.9.2.1/32 dev veth1');
    await listInterfaces(place);
    expect(changes.filter((change) => change === null)).toEqual([null]);
  });
});

/** More than the socket holds, in one go, while nobody reads. */
function flood(): void {
  const round = Array.from({ length: 4000 }, (_, number) => {
    const route = `10.8.${number >> 8}.${number & 255}/32 dev veth1`;
    return [`route add ${route}`, `route delete ${route}`];
  }).flat();
  for (let times = 0; times < 4; times += 1) network.onNode(...round);
}

describe('a gap', () => {
  it('is told, and what comes after it too', async () => {
    const changes = watched();
    flood();
    await eventually(() => expect(changes).toContain(null));
    // The kernel drops everything until what it kept from before was read.
    const later = { kind: 'route', gone: true, subject: expect.objectContaining({ address: '10.9.3.1' }) };
    await eventually(() => {
      network.onNode('route add 10.9.3.1/32 dev veth1', 'route delete 10.9.3.1/32 dev veth1');
      expect(changes.slice(-10)).toContainEqual(later);
    });
  });

  it('makes a stream begin again, with nothing from before it', async () => {
    const snapshots: NetworkSnapshot[] = [];
    const routes = new Set<string>();
    const errors: unknown[] = [];
    const stream = streamNetwork({
      ...place,
      onError: (error) => errors.push(error),
      onSnapshot: (snapshot) => {
        snapshots.push(snapshot);
        routes.clear();
        for (const { address } of snapshot.routes) routes.add(address);
      },
      onChanges: (changes) => {
        for (const change of changes) {
          if (change.kind !== 'route') continue;
          if (change.gone) routes.delete(change.subject.address);
          else routes.add(change.subject.address);
        }
      },
    });
    stop = stream.close;
    await stream.settled();
    expect(snapshots.length).toBe(1);
    network.onNode('route add 10.9.4.1/32 dev veth1', 'route delete 10.9.4.1/32 dev veth1');
    flood();
    network.onNode('route add 10.9.4.1/32 dev veth1');
    await eventually(() => expect(snapshots.length).toBeGreaterThan(1));
    network.onNode('route add 10.9.4.2/32 dev veth1');
    await stream.settled();
    const wanted = (await listHostRoutes(place)).map(({ address }) => address);
    expect([...routes].toSorted()).toEqual(wanted.toSorted());
    expect(errors).toEqual([]);
  });

  it('of a namespace that is not there yet is an error until it is', async () => {
    const name = `${NAME}-later`;
    const snapshots: NetworkSnapshot[] = [];
    const errors: unknown[] = [];
    const stream = streamNetwork({
      networkNamespace: `/run/netns/${name}`,
      onError: (error) => errors.push(error),
      onSnapshot: (snapshot) => snapshots.push(snapshot),
      onChanges: () => undefined,
    });
    stop = stream.close;
    await expect(stream.settled()).rejects.toThrow(name);
    expect(errors.length).toBe(1);
    const later = createPodNetwork(name);
    try {
      await eventually(() => expect(snapshots.length).toBe(1));
      await expect(stream.settled()).resolves.toBeUndefined();
    } finally {
      later.remove();
    }
  });
});
