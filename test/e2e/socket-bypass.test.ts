/** Connections to Services that programs on sockets do not see, or are told to leave alone: nft serves their packets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SocketStatus } from '../../src/dataplane/bpf/sockets/socket-backend.ts';
import {
  type Address,
  addressFromBytes,
  FAMILIES,
  type Family,
  parseAddress,
} from '../../src/model/address.ts';
import { address, ip, SYN, TCP, tcp } from '../packet/packets.ts';
import { linkAddress, openStation, type RawStation } from '../raw/raw-frames.ts';
import { startConversation } from './conversation.ts';
import { type LabCluster, useLab } from './lab-cluster.ts';
import { client, type Manifest, node, pod, service } from './manifests.ts';

const CLUSTER_IPS: Readonly<Record<Family, string>> = { IPv4: '10.96.0.10', IPv6: 'fd96::10' };
const OFF = { 'weir.dev/socket-lb': 'off' };

function namespace(name: string, annotations: Readonly<Record<string, string>>): Manifest {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, annotations } };
}

function asking(
  name: string,
  annotations: Readonly<Record<string, string>> = {},
  inNamespace = 'default',
): Manifest {
  return pod(name, { node: 'one', namespace: inNamespace, ports: [], metadata: { annotations } });
}

const CLUSTER: readonly Manifest[] = [
  ...[node('one'), node('two')],
  pod('web', { node: 'two' }),
  service('web', { clusterIP: CLUSTER_IPS.IPv4, clusterIPs: Object.values(CLUSTER_IPS) }),
];

const sockets = async (lab: LabCluster) => (await lab.status('one')).sockets as SocketStatus;
const connected = async (lab: LabCluster) => (await sockets(lab)).figures?.connected ?? 0;

describe('what programs on sockets do not see', () => {
  const lab = useLab([...CLUSTER, client('client', 'one')], { servicesBackend: 'bpf' });
  const conversation = (family: Family) =>
    startConversation(lab, 'default/client', { address: CLUSTER_IPS[family], port: 80 });
  const probes = () =>
    lab
      .repeat(3, { from: 'default/client', to: CLUSTER_IPS.IPv4, port: 80 })
      .then((lines) => lines.map(({ verdict }) => verdict));

  it.each(FAMILIES)('[E2] a process outside the cgroup is served by nft (%s)', async (family) => {
    const before = await connected(lab);
    const outside = conversation(family);
    expect(await outside.talk()).toBe('answered');
    outside.end();
    expect(await connected(lab)).toBe(before);
    await probes();
    expect(await connected(lab)).toBe(before + 3);
  });

  describe('raw sockets', () => {
    let station: RawStation;
    beforeAll(async () => {
      const netns = lab.netns('default/client');
      const [own] = (await addressesOf(lab, 'default/client')).filter((each) => !each.includes(':'));
      const route = await lab.inside('node/one', 'ip', '-j', 'route', 'get', own ?? '');
      const [{ dev }] = JSON.parse(route) as [{ readonly dev: string }];
      station = await openStation(netns, 'eth0', linkAddress(lab.netns('node/one'), dev));
    });
    afterAll(() => station.end());

    it.each(FAMILIES)('[E2] [I21] get their answer from the cluster IP by nft (%s)', async (family) => {
      const isFamily = (text: string) => text.includes(':') === (family === 'IPv6');
      const own = (await addressesOf(lab, 'default/client')).find(isFamily) ?? '';
      const service = address(CLUSTER_IPS[family]);
      station.send(ip(address(own), service, TCP, tcp(40_000, 80, SYN)));
      const answers = () =>
        station
          .packets()
          .filter((packet) => sourceOf(packet) === service && packet.includes(portsOf(80, 40_000)));
      await expect.poll(() => answers().length).toBeGreaterThan(0);
    });
  });

  it('[E2] [H1] all this is nft’s: without its table they are not served, while sockets are', async () => {
    const agent = await lab.agentPid('one');
    process.kill(agent, 'SIGSTOP');
    try {
      await lab.inside('node/one', 'nft', 'delete table inet weir');
      const outside = conversation('IPv4');
      expect(await outside.talk()).toBe('silent');
      outside.end();
      expect(await probes()).toEqual(Array(3).fill('allowed'));
    } finally {
      process.kill(agent, 'SIGCONT');
    }
    const again = async () => {
      const outside = conversation('IPv4');
      const answer = await outside.talk();
      outside.end();
      return answer;
    };
    await expect.poll(again).toBe('answered');
  });
});

describe('pods that are exempt by weir.dev/socket-lb', () => {
  const lab = useLab(
    [
      ...CLUSTER,
      namespace('vms', OFF),
      ...[asking('plain'), asking('exempt', OFF), asking('vm', {}, 'vms')],
      asking('sidecar', { 'weir.dev/socket-lb': 'on' }, 'vms'),
    ],
    { servicesBackend: 'bpf' },
  );
  beforeAll(async () => {
    for (const who of ['default/plain', 'default/exempt', 'vms/vm', 'vms/sidecar'])
      await countClusterIps(lab, who);
  });
  /** How many of `count` connections in each family are answered, and left the pod with the cluster IP in their packets. */
  const asked = async (who: string) => {
    const before = await clusterIpPackets(lab, who);
    const lines = await lab.probe(...Object.values(CLUSTER_IPS).map((to) => ({ from: who, to, port: 80 })));
    expect(lines.map(({ verdict }) => verdict)).toEqual(['allowed', 'allowed']);
    const after = await clusterIpPackets(lab, who);
    return FAMILIES.map((family) => (after[family] > before[family] ? family : 'socket'));
  };
  const AT_SOCKETS = ['socket', 'socket'];

  it('[E2] send packets to the cluster IP, which nft serves; others talk to the backend', async () => {
    expect(await asked('default/plain')).toEqual(AT_SOCKETS);
    expect(await asked('default/exempt')).toEqual(FAMILIES);
    expect(await asked('vms/vm')).toEqual(FAMILIES);
    expect(await asked('vms/sidecar')).toEqual(AT_SOCKETS);
    expect((await sockets(lab)).exempt.toSorted()).toEqual(['default/exempt', 'vms/vm']);
  });

  it('[E2] are so from the change of an annotation on, and no longer from the next', async () => {
    await lab.apply(asking('plain', OFF), asking('exempt'));
    expect(await asked('default/plain')).toEqual(FAMILIES);
    expect(await asked('default/exempt')).toEqual(AT_SOCKETS);
    await lab.apply(asking('plain'), asking('exempt', OFF), namespace('vms', {}));
    expect(await asked('default/plain')).toEqual(AT_SOCKETS);
    expect(await asked('default/exempt')).toEqual(FAMILIES);
    expect(await asked('vms/vm')).toEqual(AT_SOCKETS);
    await lab.apply(namespace('vms', OFF));
  });

  it('[E2] are so soon after their birth', async () => {
    await lab.apply(asking('born', OFF));
    await expect.poll(async () => (await sockets(lab)).exempt).toContain('default/born');
    await countClusterIps(lab, 'default/born');
    expect(await asked('default/born')).toEqual(FAMILIES);
    await lab.remove(asking('born'));
    await expect.poll(async () => (await sockets(lab)).exempt).not.toContain('default/born');
  });

  it('[E2] tell what can’t be: a bad value, and a pod of the host’s network', async () => {
    const host = pod('host', { node: 'one', hostNetwork: true, ports: [], metadata: { annotations: OFF } });
    await lab.apply(asking('plain', { 'weir.dev/socket-lb': 'no' }), host);
    expect(await asked('default/plain')).toEqual(AT_SOCKETS);
    const reasons = async () => (await lab.status('one')).problems.map(({ reason }) => reason).toSorted();
    await expect.poll(reasons).toEqual(['NotExempt', 'UnknownAnnotationValue']);
    await lab.apply(asking('plain'));
    await lab.remove(host);
    await expect.poll(reasons).toEqual([]);
  });
});

async function addressesOf(lab: LabCluster, who: string): Promise<readonly Address[]> {
  const [eth0] = JSON.parse(await lab.inside(who, 'ip', '-j', 'address', 'show', 'eth0')) as [
    { readonly addr_info: readonly { readonly local: string; readonly scope: string }[] },
  ];
  return eth0.addr_info
    .filter(({ scope }) => scope === 'global')
    .map(({ local }) => parseAddress(local) as Address);
}

function sourceOf(packet: Buffer): Address | undefined {
  const isIpv6 = packet[0] !== undefined && packet[0] >> 4 === 6;
  const bytes = isIpv6 ? packet.subarray(8, 24) : packet.subarray(12, 16);
  return addressFromBytes(bytes);
}

function portsOf(source: number, destination: number): Buffer {
  return Buffer.from([source >> 8, source & 0xff, destination >> 8, destination & 0xff]);
}

/** Counts what the pod sends to the cluster IPs. */
async function countClusterIps(lab: LabCluster, who: string): Promise<void> {
  const rules = [
    'add table inet seen',
    'add counter inet seen IPv4',
    'add counter inet seen IPv6',
    'add chain inet seen out { type filter hook output priority 0; }',
    `add rule inet seen out ip daddr ${CLUSTER_IPS.IPv4} counter name IPv4`,
    `add rule inet seen out ip6 daddr ${CLUSTER_IPS.IPv6} counter name IPv6`,
  ];
  await lab.inside(who, 'nft', rules.join('; '));
}

async function clusterIpPackets(lab: LabCluster, who: string): Promise<Readonly<Record<Family, number>>> {
  const { nftables } = JSON.parse(await lab.inside(who, 'nft', '-j', 'list counters')) as {
    readonly nftables: readonly { readonly counter?: { readonly name: Family; readonly packets: number } }[];
  };
  const counts = nftables.flatMap(({ counter }) =>
    counter === undefined ? [] : [[counter.name, counter.packets]],
  );
  return Object.fromEntries(counts);
}
