import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { checked, type Ends, endsOf, wrongChecksums } from './checksums.ts';
import { ACK, address, ip, SYN, TCP, tcp, tooBig, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { MIRROR, OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

const ROUTER = { IPv4: address('10.9.9.9'), IPv6: address('fd99::9') };

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode();
});
afterAll(() => node.close());
beforeEach(async () => {
  const verdicts = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
  await node.forget();
});

describe.each(FAMILIES)('%s: an ICMP error about a translated flow', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, vip, mirror, router] = [FRIEND[family], VIP[family], MIRROR[family], ROUTER[family]];
  const headerBytes = family === 'IPv4' ? 20 : 40;

  const open = async (backend: typeof pod) => {
    const web = { family, at: vip, port: 80, backends: [[backend, 8080]] } as const;
    const services = [
      serviceOf({ name: 'web', ...web }),
      serviceOf({ name: 'udp', protocol: 'UDP', ...web }),
    ];
    await node.services.sync(serviceRows(services), OWN);
    await node.fromPod(checked(ip(pod, vip, TCP, tcp(4000, 80, SYN))));
    await node.fromPod(checked(ip(pod, vip, UDP, udp(4000, 80))));
  };

  /** Who reports to whom, and the packet that is quoted. */
  async function reported(direction: 'fromPod' | 'toPod', error: Uint8Array, ingress?: number) {
    const { verdict, packet } = await node.send(direction, checked(error), ingress);
    if (verdict === 'drop') return verdict;
    const quoted = packet.subarray(headerBytes + 8);
    // The transport checksum of what is quoted can't be verified.
    const wrong = wrongChecksums(quoted).filter((at) => at < headerBytes);
    expect([...wrongChecksums(packet), ...wrong]).toEqual([]);
    const { source, destination } = endsOf(packet);
    return `${verdict}: ${source} > ${destination}: ${line(endsOf(quoted))}`;
  }
  const line = ({ source, sourcePort, destination, destinationPort }: Ends) =>
    `${source} ${sourcePort} ${destination} ${destinationPort}`;

  const SENT = {
    TCP: (from: number, to: number) => tcp(from, to, ACK, 40),
    UDP: (from: number, to: number) => udp(from, to, 40),
  };

  it.each(['TCP', 'UDP'] as const)(
    '[E31, I10] of a router on the way quotes the Service: %s',
    async (protocol) => {
      await open(friend);
      const onItsWay = checked(ip(pod, friend, protocol === 'TCP' ? TCP : UDP, SENT[protocol](4000, 8080)));
      const about = `${pod} 4000 ${vip} 80`;
      await expect(reported('toPod', tooBig(router, pod, onItsWay))).resolves.toBe(
        `pass: ${router} > ${pod}: ${about}`,
      );
      // The node itself is a router, too.
      await expect(reported('toPod', tooBig(router, pod, onItsWay), 0)).resolves.toBe(
        `pass: ${router} > ${pod}: ${about}`,
      );
      await expect(reported('toPod', tooBig(friend, pod, onItsWay))).resolves.toBe(
        `pass: ${vip} > ${pod}: ${about}`,
      );
      const other = checked(ip(pod, friend, UDP, udp(4001, 8080)));
      await expect(reported('toPod', tooBig(router, pod, other))).resolves.toBe('drop');
    },
  );

  it('[E31, C11] of the pod about a reply goes to the backend', async () => {
    await open(friend);
    const reply = checked(ip(vip, pod, UDP, udp(80, 4000, 40)));
    await expect(reported('fromPod', tooBig(pod, vip, reply))).resolves.toBe(
      `pass: ${pod} > ${friend}: ${friend} 8080 ${pod} 4000`,
    );
    await expect(reported('fromPod', tooBig(pod, router, reply))).resolves.toBe('drop');
  });

  it('[E31, C12] comes back to a pod that is its own backend', async () => {
    await open(pod);
    const request = checked(ip(mirror, pod, UDP, udp(4000, 8080, 40)));
    await expect(reported('fromPod', tooBig(pod, mirror, request))).resolves.toBe(
      `redirect: ${vip} > ${pod}: ${pod} 4000 ${vip} 80`,
    );
    const reply = checked(ip(vip, pod, UDP, udp(80, 4000, 40)));
    await expect(reported('fromPod', tooBig(pod, vip, reply))).resolves.toBe(
      `redirect: ${mirror} > ${pod}: ${pod} 8080 ${mirror} 4000`,
    );
    const returned = checked(ip(pod, vip, UDP, udp(4000, 80, 40)));
    await expect(node.toPod(tooBig(vip, pod, returned), POD_INTERFACE)).resolves.toBe('pass');
  });

  it('[E31, C18] is translated whatever became of the pod', async () => {
    await open(friend);
    const rows = { ...rowsOf(POD, POD_ADDRESSES, PEERS, []), subjects: new Map() };
    await node.dataplane.sync(rows, interfaceOf());
    const onItsWay = checked(ip(pod, friend, TCP, tcp(4000, 8080, ACK)));
    await expect(reported('toPod', tooBig(router, pod, onItsWay))).resolves.toContain(
      `${pod} 4000 ${vip} 80`,
    );
  });
});
