import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAMILIES } from '../../src/model/address.ts';
import {
  ACK,
  address,
  echo,
  FIN,
  GRE,
  ip,
  RST,
  SCTP,
  SYN,
  sctp,
  TCP,
  tcp,
  tooBig,
  UDP,
  UDP_LITE,
  udp,
} from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';

/** Addresses that no row names. */
const ROUTER = { IPv4: address('10.9.9.9'), IPv6: address('fd99::9') };
const NODE = { IPv4: address('172.31.0.1'), IPv6: address('fd31::1') };

let node: PolicyNode;

beforeAll(async () => {
  node = await createPolicyNode({}, { flows: 1000 });
});
afterAll(() => node.close());

async function judgedBy(...verdicts: readonly VerdictWords[]): Promise<void> {
  await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, verdicts), interfaceOf());
  await node.forget();
}

const FROM_FRIEND: VerdictWords = {
  direction: 'ingress',
  peer: 'friend',
  protocol: 'TCP',
  port: 80,
  verdict: 'allow',
};
const TO_FRIEND: VerdictWords = {
  direction: 'egress',
  peer: 'friend',
  protocol: 'UDP',
  port: 53,
  verdict: 'allow',
};

describe.each(FAMILIES)('%s', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, stranger, router, host] = [FRIEND[family], STRANGER[family], ROUTER[family], NODE[family]];

  describe('a pod that policies select', () => {
    beforeEach(() => judgedBy(...deniedBut(FROM_FRIEND, TO_FRIEND)));

    it('[C1, C4] meets only what a rule of that direction allows', async () => {
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('pass');
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 81, SYN)))).resolves.toBe('drop');
      await expect(node.toPod(ip(stranger, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('drop');
      await expect(node.toPod(ip(friend, pod, UDP, udp(4000, 80)))).resolves.toBe('drop');
      await expect(node.fromPod(ip(pod, friend, UDP, udp(4000, 53)))).resolves.toBe('pass');
      await expect(node.fromPod(ip(pod, friend, TCP, tcp(4000, 80, SYN)))).resolves.toBe('drop');
      await expect(node.fromPod(ip(pod, stranger, UDP, udp(4000, 53)))).resolves.toBe('drop');
      await expect(node.drops()).resolves.toEqual({ policy: 5 });
    });

    it('[C1] gets replies, and answers, without a rule for them', async () => {
      await node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)));
      await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4000, SYN | ACK)))).resolves.toBe('pass');
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, ACK)))).resolves.toBe('pass');
      await node.fromPod(ip(pod, friend, UDP, udp(4000, 53)));
      await expect(node.toPod(ip(friend, pod, UDP, udp(53, 4000)))).resolves.toBe('pass');
      await expect(node.toPod(ip(friend, pod, UDP, udp(53, 4001)))).resolves.toBe('drop');
      await expect(node.toPod(ip(stranger, pod, UDP, udp(53, 4000)))).resolves.toBe('drop');
    });

    it('[C12] always reaches itself', async () => {
      await expect(node.fromPod(ip(pod, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('pass');
      // Back by way of a Service: masqueraded, in by its own interface.
      await expect(node.toPod(ip(host, pod, TCP, tcp(4000, 81, SYN)), POD_INTERFACE)).resolves.toBe('pass');
      await expect(node.fromPod(ip(pod, host, TCP, tcp(81, 4000, SYN | ACK)))).resolves.toBe('pass');
    });

    it('[C13] is always reached by its own node, by nobody else who has the address of one', async () => {
      await expect(node.toPod(ip(host, pod, TCP, tcp(4000, 81, SYN)), 0)).resolves.toBe('pass');
      await expect(node.fromPod(ip(pod, host, TCP, tcp(81, 4000, SYN | ACK)))).resolves.toBe('pass');
      await expect(node.toPod(ip(host, pod, TCP, tcp(4001, 81, SYN)))).resolves.toBe('drop');
      await expect(node.fromPod(ip(pod, host, TCP, tcp(5000, 22, SYN)))).resolves.toBe('drop');
    });

    it('[C11] gets ICMP errors about packets it sent, and no others', async () => {
      const sent = ip(pod, friend, UDP, udp(4000, 53, 100));
      await node.fromPod(sent);
      await expect(node.toPod(tooBig(router, pod, sent))).resolves.toBe('pass');
      const never = ip(pod, friend, UDP, udp(4001, 53, 100));
      await expect(node.toPod(tooBig(router, pod, never))).resolves.toBe('drop');
      // Its own packet, turned round, is not one that it sent.
      await expect(node.toPod(tooBig(router, pod, ip(friend, pod, UDP, udp(4000, 53, 100))))).resolves.toBe(
        'drop',
      );
      await node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)));
      await expect(node.fromPod(tooBig(pod, friend, ip(friend, pod, TCP, tcp(4000, 80, ACK))))).resolves.toBe(
        'pass',
      );
    });

    it('[C34, I22] sends from its own addresses only', async () => {
      await expect(node.fromPod(ip(stranger, friend, UDP, udp(4000, 53)))).resolves.toBe('drop');
      await expect(node.drops()).resolves.toEqual({ 'spoofed-source': 1 });
    });

    it('[C22, I20] meets protocols without ports only by rules for every protocol', async () => {
      for (const protocol of [GRE, UDP_LITE, SCTP, 33, 50]) {
        await expect(node.toPod(ip(friend, pod, protocol, sctp(4000, 80)))).resolves.toBe('drop');
      }
      await judgedBy(...deniedBut({ direction: 'ingress', peer: 'friend', verdict: 'allow' }));
      for (const protocol of [GRE, UDP_LITE, SCTP, 33, 50]) {
        await expect(node.toPod(ip(friend, pod, protocol, sctp(4000, 80)))).resolves.toBe('pass');
        await expect(node.toPod(ip(stranger, pod, protocol, sctp(4000, 80)))).resolves.toBe('drop');
      }
    });

    it('[I24] keeps a connection when a RST is forged, and judges ports that are used again', async () => {
      await node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)));
      await node.fromPod(ip(pod, friend, TCP, tcp(80, 4000, SYN | ACK)));
      await node.toPod(ip(friend, pod, TCP, tcp(4000, 80, RST)));
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, ACK)))).resolves.toBe('pass');
      await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4000, ACK)))).resolves.toBe('pass');
      await node.fromPod(ip(pod, friend, TCP, tcp(80, 4000, FIN | ACK)));
      // The pod may not open the connection that it may answer in.
      await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4000, SYN)))).resolves.toBe('drop');
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('pass');
      const [[, flow] = []] = await node.tables.flows.entries();
      expect(flow).toMatchObject({ state: 'opening', packets: [1, 0] });
    });

    it('[C18] goes on with connections from before, as far as rules allow them', async () => {
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, ACK)))).resolves.toBe('pass');
      await expect(node.toPod(ip(stranger, pod, TCP, tcp(4000, 80, ACK)))).resolves.toBe('drop');
      await expect(node.fromPod(ip(pod, stranger, TCP, tcp(80, 4002, ACK)))).resolves.toBe('drop');
    });

    it.each([ACK, SYN | ACK, FIN | ACK, RST, RST | SYN, 0])(
      '[C1, C22] answers in no connection that conntrack has not seen, whatever flags it sets (%i)',
      async (flags) => {
        await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4002, flags)))).resolves.toBe('drop');
        await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4002, SYN)))).resolves.toBe('drop');
      },
    );
  });

  it('[C9] a prefix of ports decides for its ports, a longer one before it', async () => {
    const ingress = { direction: 'ingress', protocol: 'TCP' } as const;
    await judgedBy(
      ...deniedBut(
        { ...ingress, port: 0x8000, bits: 1, verdict: 'allow' },
        { ...ingress, port: 0x9000, bits: 8, verdict: 'deny' },
        { ...ingress, port: 0x9003, verdict: 'allow' },
      ),
    );
    const expected = {
      32767: 'drop',
      32768: 'pass',
      65535: 'pass',
      36864: 'drop',
      37119: 'drop',
      36867: 'pass',
      37120: 'pass',
    };
    for (const [port, verdict] of Object.entries(expected))
      await expect(node.toPod(ip(stranger, pod, TCP, tcp(4000, Number(port), SYN)))).resolves.toBe(verdict);
  });

  it('[C10] a rule may name an SCTP port', async () => {
    await judgedBy(...deniedBut({ direction: 'ingress', protocol: 'SCTP', port: 80, verdict: 'allow' }));
    await expect(node.toPod(ip(friend, pod, SCTP, sctp(4000, 80)))).resolves.toBe('pass');
    await expect(node.toPod(ip(friend, pod, SCTP, sctp(4000, 81)))).resolves.toBe('drop');
    await expect(node.fromPod(ip(pod, friend, SCTP, sctp(80, 4000)))).resolves.toBe('pass');
  });

  it('[I10] an echo request is no reply to the echo requests of the other side', async () => {
    await judgedBy(...deniedBut({ direction: 'egress', peer: 'friend', verdict: 'allow' }));
    await expect(node.fromPod(echo(pod, friend, 'request', 7))).resolves.toBe('pass');
    await expect(node.toPod(echo(friend, pod, 'reply', 7))).resolves.toBe('pass');
    await expect(node.toPod(echo(friend, pod, 'request', 7))).resolves.toBe('drop');
    await expect(node.toPod(echo(friend, pod, 'reply', 8))).resolves.toBe('drop');
  });

  it('[I10] an unasked echo reply that a rule allows opens nothing', async () => {
    await judgedBy(...deniedBut({ direction: 'ingress', peer: 'friend', verdict: 'allow' }));
    await expect(node.toPod(echo(friend, pod, 'reply', 7))).resolves.toBe('pass');
    await expect(node.fromPod(echo(pod, friend, 'request', 7))).resolves.toBe('drop');
  });

  it('[C18] a change cuts open flows that it denies at their next packet, and no others', async () => {
    const second: VerdictWords = { ...FROM_FRIEND, port: 81 };
    // Packets of the cut flow could be those of a connection that the pod opened.
    const out: VerdictWords = { direction: 'egress', peer: 'friend', verdict: 'allow' };
    await judgedBy(...deniedBut(FROM_FRIEND, second, out));
    for (const port of [80, 81]) {
      await node.toPod(ip(friend, pod, TCP, tcp(4300, port, SYN)));
      await node.fromPod(ip(pod, friend, TCP, tcp(port, 4300, SYN | ACK)));
    }
    await node.events();
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(second, out)), interfaceOf());
    for (let round = 0; round < 2; round++) {
      await expect(node.fromPod(ip(pod, friend, TCP, tcp(80, 4300, ACK)))).resolves.toBe('drop');
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4300, 80, ACK)))).resolves.toBe('drop');
    }
    await expect(node.fromPod(ip(pod, friend, TCP, tcp(81, 4300, ACK)))).resolves.toBe('pass');
    const events = await node.events();
    expect(events.map(({ kind, rule }) => [kind, node.dataplane.contentOf('rule', rule)])).toEqual([
      ['cut', 'ingress * * * deny'],
    ]);
  });

  it('[C29] what only audited policies would deny passes, is counted and told', async () => {
    const before = (await node.tallies()).audited;
    await judgedBy(...deniedBut({ ...FROM_FRIEND, auditRule: 'staged deny' }));
    await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('pass');
    expect((await node.tallies()).audited).toBe(before + 1);
    const [event] = await node.events();
    expect(event?.kind).toBe('audit');
    expect(node.dataplane.contentOf('rule', event?.auditRule ?? 0)).toBe('staged deny');
  });

  it('[C29] a flow from before its audited policy is told of once, at its next packet', async () => {
    await judgedBy(...deniedBut(FROM_FRIEND));
    await expect(node.toPod(ip(friend, pod, TCP, tcp(4001, 80, SYN)))).resolves.toBe('pass');
    const before = (await node.tallies()).audited;
    await judgedBy(...deniedBut({ ...FROM_FRIEND, auditRule: 'staged deny' }));
    for (let count = 0; count < 2; count++)
      await expect(node.toPod(ip(friend, pod, TCP, tcp(4001, 80, ACK)))).resolves.toBe('pass');
    expect((await node.tallies()).audited).toBe(before + 1);
    expect((await node.events()).map(({ kind }) => kind)).toEqual(['audit']);
  });

  it('[C31] hits are counted for each rule, with the time of the last', async () => {
    const rule = `counted ${family}`;
    await judgedBy(...deniedBut({ ...FROM_FRIEND, rule }));
    const hits = async () =>
      (await node.tables.ruleHits.entries())
        .filter(([number]) => node.dataplane.contentOf('rule', number) === rule)
        .flatMap(([, processors]) => processors.filter((processor) => processor.hits > 0));
    for (let port = 5000; port < 5010; port++) await node.toPod(ip(friend, pod, TCP, tcp(port, 80, SYN)));
    const counted = await hits();
    expect(counted.reduce((total, { hits: count }) => total + count, 0)).toBe(10);
    expect(Math.max(...counted.map(({ lastHit }) => lastHit))).toBeGreaterThan(0);
  });

  it('[C30] the first packet of a denied flow is told, with its rule', async () => {
    await judgedBy(...deniedBut());
    const port = family === 'IPv4' ? 4100 : 4200;
    for (let repeat = 0; repeat < 3; repeat++) await node.toPod(ip(stranger, pod, TCP, tcp(port, 80, SYN)));
    const events = await node.events();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      kind: 'drop',
      reason: 'policy',
      direction: 'ingress',
      peerPort: port,
      localPort: 80,
      protocol: TCP,
      tcpFlags: SYN,
      interface: POD_INTERFACE,
    });
    expect(node.dataplane.contentOf('rule', events[0]?.rule ?? 0)).toBe('ingress * * * deny');
    await expect(node.drops()).resolves.toEqual({ policy: 3 });
  });

  it('[C7] a class inside a wider prefix is another class, an exception of it none', async () => {
    const [wide, narrow, hole] =
      family === 'IPv4'
        ? ['10.0.0.0/8', '10.244.2.0/24', '10.244.2.7/32']
        : ['fd44::/16', 'fd44:2::/64', 'fd44:2::7/128'];
    const verdicts = deniedBut(
      { direction: 'ingress', peer: 'wide', verdict: 'deny' },
      { direction: 'ingress', peer: 'narrow', verdict: 'allow' },
    );
    const peers = { [wide]: 'wide', [narrow]: 'narrow', [hole]: null };
    await node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, peers, verdicts), interfaceOf());
    await node.forget();
    await expect(node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('pass');
    await expect(node.toPod(ip(stranger, pod, TCP, tcp(4000, 80, SYN)))).resolves.toBe('drop');
  });

  it('[C17, C35] nothing passes while a pod is held, or its class has no rows; everything when none selects it', async () => {
    const rows = rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(FROM_FRIEND));
    const try_ = () => node.toPod(ip(friend, pod, TCP, tcp(4000, 80, SYN)));
    await node.dataplane.sync(rows, interfaceOf({ held: true }));
    await node.forget();
    await expect(try_()).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ closed: 1 });
    await node.dataplane.sync({ ...rows, classes: new Map() }, interfaceOf());
    await expect(try_()).resolves.toBe('drop');
    await expect(node.drops()).resolves.toEqual({ closed: 1 });
    await node.dataplane.sync({ ...rows, subjects: new Map() }, interfaceOf());
    await expect(try_()).resolves.toBe('pass');
    await expect(node.fromPod(ip(pod, stranger, GRE, udp(1, 2)))).resolves.toBe('pass');
    await expect(node.fromPod(ip(stranger, friend, UDP, udp(1, 2)))).resolves.toBe('drop');
  });
});
