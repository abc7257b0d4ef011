import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import { checked, type Ends, endsOf, wrongChecksums } from './checksums.ts';
import { ACK, address, FIN, ip, SCTP, SYN, sctp, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf } from './policy-rows.ts';
import { MIRROR, OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

const VIP_2 = { IPv4: address('10.96.0.11'), IPv6: address('fd96::11') };
const TO_FRIENDS = deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' });

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({ answerDenied: 1 }, { flows: 1000 });
});
afterAll(() => node.close());

describe.each(FAMILIES)('%s', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, stranger, vip, vip2] = [FRIEND[family], STRANGER[family], VIP[family], VIP_2[family]];

  /** Both Services lead to the backend. */
  const serving = (backend = friend) =>
    node.services.sync(
      serviceRows(
        (['TCP', 'UDP', 'SCTP'] as const).flatMap((protocol) =>
          [vip, vip2].map((at) => {
            const name = `${protocol}-${at}`;
            return serviceOf({ name, family, protocol, at, port: 80, backends: [[backend, 8080]] });
          }),
        ),
      ),
      OWN,
    );

  beforeEach(async () => {
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, TO_FRIENDS), interfaceOf());
    await serving();
    await node.forget();
  });

  /** Sends a valid packet; what became of it, as `source:port destination:port`, or the verdict. */
  async function sent(direction: 'fromPod' | 'toPod', packet: Uint8Array, ingress?: number): Promise<string> {
    const run = await node.send(direction, checked(packet), ingress);
    if (run.verdict === 'drop') return run.verdict;
    expect(wrongChecksums(run.packet)).toEqual([]);
    return run.verdict === 'pass' ? line(endsOf(run.packet)) : `back ${line(endsOf(run.packet))}`;
  }
  const line = ({ source, sourcePort, destination, destinationPort }: Ends) =>
    `${source} ${sourcePort} ${destination} ${destinationPort}`;
  const out = (to: typeof vip, flags: number, from = 4000, port = 80) =>
    sent('fromPod', ip(pod, to, TCP, tcp(from, port, flags, 5)));
  const back = (flags: number, to = 4000, from = friend, ingress?: number) =>
    sent('toPod', ip(from, pod, TCP, tcp(8080, to, flags, 5)), ingress);

  it('[C15, A1] a connection to a Service goes to its backend, and replies come from the Service', async () => {
    const before = await node.tallies();
    await expect(out(vip, SYN)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await expect(back(SYN | ACK)).resolves.toBe(`${vip} 80 ${pod} 4000`);
    await expect(out(vip, ACK)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    const flows = await node.tables.flows.entries();
    const [[, flow] = []] = flows.filter(([, { translation }]) => translation === 'to-service');
    expect(flow).toMatchObject({ packets: [2, 1], state: 'established', direction: 'egress' });
    expect((await node.tallies()).translated).toBe(before.translated + 1);
  });

  it('[C15] replies of the node itself are translated, too', async () => {
    await out(vip, SYN);
    await expect(back(SYN | ACK, 4000, friend, 0)).resolves.toBe(`${vip} 80 ${pod} 4000`);
  });

  it('[C15] datagrams keep to the absence of a checksum', async () => {
    const request = ip(pod, vip, UDP, udp(4000, 80, 7));
    const { packet } = await node.send(
      'fromPod',
      checked(request).fill(0, request.length - 9, request.length - 7),
    );
    expect(line(endsOf(packet))).toBe(`${pod} 4000 ${friend} 8080`);
    if (family === 'IPv4') expect([...packet.subarray(26, 28)]).toEqual([0, 0]);
    await expect(sent('toPod', ip(friend, pod, UDP, udp(8080, 4000, 7)))).resolves.toBe(
      `${vip} 80 ${pod} 4000`,
    );
  });

  it('[C15] SCTP gets another port with the checksum that belongs to it', async () => {
    const request = checked(ip(pod, vip, SCTP, sctp(4000, 80)));
    await expect(sent('fromPod', request)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    // What the interface is to compute stays for it.
    const uncounted = await node.send('fromPod', ip(pod, vip, SCTP, sctp(4000, 80)));
    expect([...uncounted.packet.subarray(-24, -20)]).toEqual([0, 0, 0, 0]);
  });

  it('[C15, I22] flows with the same ends on the way leave with ports of their own', async () => {
    const before = await node.tallies();
    await expect(out(vip, SYN)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    const second = await out(vip2, SYN);
    const [, port] = /^\S+ (\d+) /.exec(second) ?? [];
    expect(second).toBe(`${pod} ${port} ${friend} 8080`);
    expect(port).not.toBe('4000');
    await expect(back(SYN | ACK, Number(port))).resolves.toBe(`${vip2} 80 ${pod} 4000`);
    const direct = await out(friend, SYN, 4000, 8080);
    const [, directPort] = /^\S+ (\d+) /.exec(direct) ?? [];
    expect(['4000', port]).not.toContain(directPort);
    await expect(back(SYN | ACK, Number(directPort))).resolves.toBe(`${friend} 8080 ${pod} 4000`);
    await expect(out(friend, ACK, 4000, 8080)).resolves.toBe(direct);
    await expect(back(SYN | ACK)).resolves.toBe(`${vip} 80 ${pod} 4000`);
    expect((await node.tallies())['ports-changed']).toBe(before['ports-changed'] + 2);
    await node.forget();
    await expect(out(friend, SYN, 4000, 8080)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await expect(out(vip, SYN)).resolves.not.toContain(' 4000 ');
  });

  it('[C12, A2] a pod that is its own backend meets itself under another address', async () => {
    await serving(pod);
    const mirror = MIRROR[family];
    await expect(out(vip, SYN)).resolves.toBe(`back ${mirror} 4000 ${pod} 8080`);
    await expect(sent('toPod', ip(mirror, pod, TCP, tcp(4000, 8080, SYN)), POD_INTERFACE)).resolves.toBe(
      `${mirror} 4000 ${pod} 8080`,
    );
    await expect(out(mirror, SYN | ACK, 8080, 4000)).resolves.toBe(`back ${vip} 80 ${pod} 4000`);
    await expect(sent('toPod', ip(vip, pod, TCP, tcp(80, 4000, SYN | ACK)), POD_INTERFACE)).resolves.toBe(
      `${vip} 80 ${pod} 4000`,
    );
    const [, second] = /^back \S+ (\d+) /.exec(await out(vip2, SYN)) ?? [];
    await expect(out(mirror, SYN | ACK, 8080, Number(second))).resolves.toBe(`back ${vip2} 80 ${pod} 4000`);
    // Somebody else who claims either address is not the pod.
    await expect(sent('toPod', ip(vip, pod, TCP, tcp(80, 4000, ACK)))).resolves.toBe('drop');
  });

  it('[C21, I19] later fragments follow the first one', async () => {
    const piece = (
      source: typeof pod,
      destination: typeof pod,
      offset: number,
      more: boolean,
      ports: [number, number],
    ) =>
      ip(source, destination, UDP, offset === 0 ? udp(...ports, 8) : new Uint8Array(16), {
        fragment: { id: 7, offset, more },
      });
    const headed = (packet: Uint8Array) => ({
      source: endsOf(packet).source,
      destination: endsOf(packet).destination,
    });
    const first = await node.send('fromPod', piece(pod, vip, 0, true, [4000, 80]));
    expect(headed(first.packet)).toEqual({ source: pod, destination: friend });
    const later = await node.send('fromPod', checked(piece(pod, vip, 16, false, [0, 0])));
    expect(headed(later.packet)).toEqual({ source: pod, destination: friend });
    expect(later.packet.subarray(-16)).toEqual(new Uint8Array(16));
    await node.send('toPod', piece(friend, pod, 0, true, [8080, 4000]));
    const reply = await node.send('toPod', checked(piece(friend, pod, 16, false, [0, 0])));
    expect(headed(reply.packet)).toEqual({ source: vip, destination: pod });
    const unknown = ip(pod, vip, UDP, new Uint8Array(16), { fragment: { id: 8, offset: 16, more: false } });
    await expect(node.fromPod(unknown)).resolves.toBe('drop');
  });

  it('[C18] goes on being translated when the pod is open again, is cut by what denies the backend', async () => {
    await out(vip, SYN);
    await back(SYN | ACK);
    const open = { ...rowsOf(POD, POD_ADDRESSES, PEERS, []), subjects: new Map() };
    await node.dataplane.sync(open, interfaceOf());
    await expect(out(vip, ACK)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await expect(back(ACK)).resolves.toBe(`${vip} 80 ${pod} 4000`);
    await expect(out(vip, SYN, 4001)).resolves.toBe(`${pod} 4001 ${vip} 80`);
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, TO_FRIENDS), interfaceOf());
    await expect(out(vip, ACK)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut()), interfaceOf());
    // Refused by a reset from the address that the pod knows.
    await expect(out(vip, ACK)).resolves.toBe(`back ${vip} 80 ${pod} 4000`);
    await expect(back(ACK)).resolves.toContain('drop');
  });

  it('[A60] datagrams go to another backend once theirs is gone, connections stay', async () => {
    const ask = () => sent('fromPod', ip(pod, vip, UDP, udp(4000, 80, 5)));
    await out(vip, SYN);
    await expect(ask()).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await serving(stranger);
    await node.services.collect();
    await node.services.collect();
    await expect(out(vip, ACK)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await node.dataplane.sync(
      rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut({ direction: 'egress', verdict: 'allow' })),
      interfaceOf(),
    );
    await expect(ask()).resolves.toBe(`${pod} 4000 ${stranger} 8080`);
    await expect(sent('toPod', ip(stranger, pod, UDP, udp(8080, 4000, 5)))).resolves.toBe(
      `${vip} 80 ${pod} 4000`,
    );
  });

  it('[A60] datagrams do not follow a number that stands for another backend by now', async () => {
    const ask = () => sent('fromPod', ip(pod, vip, UDP, udp(4000, 80, 5)));
    const port = async () => Number((await ask()).split(' ').at(-1));
    expect(await port()).toBe(8080);
    const backends = await node.serviceTables.backends.entries();
    await node.serviceTables.backends.set(backends.map(([number, row]) => [number, { ...row, port: 9090 }]));
    expect(await port()).toBe(9090);
    await node.services.repair();
  });

  it('[I24] ports that are used again get a backend of their own', async () => {
    await out(vip, SYN);
    await back(SYN | ACK);
    await out(vip, FIN | ACK);
    await serving(stranger);
    await expect(out(vip, ACK)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    await expect(out(vip, SYN)).resolves.toBe(`back ${vip} 80 ${pod} 4000`);
    await serving(friend);
    await expect(out(vip, SYN)).resolves.toBe(`${pod} 4000 ${friend} 8080`);
    expect(await node.tables.flows.entries()).toHaveLength(2);
  });
});
