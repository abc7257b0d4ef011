/** Flows that were there before the programs judged the pod: conntrack knows them. */
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { mappedBytes } from '../../src/dataplane/bpf/mapped-address.ts';
import { type Address, FAMILIES } from '../../src/model/address.ts';
import { checked, endsOf } from './checksums.ts';
import { ACK, ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES, STRANGER } from './pod.ts';
import { createPolicyNode, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';
import { OWN, serviceOf, serviceRows, VIP } from './service-node.ts';

const SPACE = `weir-test-tracked-${process.pid}`;
const TO_FRIENDS: VerdictWords = { direction: 'egress', peer: 'friend', verdict: 'allow' };

let node: PolicyNode;

beforeAll(async () => {
  execFileSync('ip', ['netns', 'add', SPACE]);
  node = await createPolicyNode({}, { flows: 1000 }, `/run/netns/${SPACE}`);
});
afterAll(() => {
  node.close();
  execFileSync('ip', ['netns', 'del', SPACE]);
});

function conntrack(...args: readonly string[]): void {
  execFileSync('nsenter', [`--net=/run/netns/${SPACE}`, 'conntrack', ...args], { stdio: 'ignore' });
}

/** A connection from \`source\` to \`destination\` at port 80 that \`backend\` answers. */
function track(protocol: 'tcp' | 'udp', source: Address, destination: Address, backend: Address): void {
  const ends = ['-s', source, '-d', destination, '-r', backend, '-q', source];
  const ports = ['--sport', '4000', '--dport', '80', '--reply-port-src', '8080', '--reply-port-dst', '4000'];
  const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : [];
  conntrack('-I', '-p', protocol, ...ends, ...ports, ...state, '-t', '300', '-u', 'SEEN_REPLY,ASSURED');
}

describe.each(FAMILIES)('%s', (family) => {
  const pod = family === 'IPv4' ? POD_ADDRESSES[0] : POD_ADDRESSES[1];
  const [friend, stranger, vip] = [FRIEND[family], STRANGER[family], VIP[family]];
  const judged = (...verdicts: readonly VerdictWords[]) =>
    node.dataplane.sync(rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(...verdicts)), interfaceOf());

  beforeEach(async () => {
    conntrack('-F');
    await judged(TO_FRIENDS);
    const words = { family, at: vip, port: 80, backends: [[friend, 9090]] } as const;
    const services = (['TCP', 'UDP'] as const).map((protocol) =>
      serviceOf({ ...words, protocol, name: protocol }),
    );
    await node.services.sync(serviceRows(services), OWN);
    await node.forget();
  });

  const packetOf = (
    protocol: 'tcp' | 'udp',
    source: Address,
    from: number,
    destination: Address,
    to: number,
  ) =>
    protocol === 'tcp'
      ? ip(source, destination, TCP, tcp(from, to, ACK, 5))
      : ip(source, destination, UDP, udp(from, to, 5));
  async function sent(direction: 'fromPod' | 'toPod', packet: Uint8Array): Promise<string> {
    const { verdict, packet: left } = await node.send(direction, checked(packet));
    const { source, destination } = endsOf(left);
    return verdict === 'pass' ? `${source} > ${destination}` : verdict;
  }
  const out = (protocol: 'tcp' | 'udp') => sent('fromPod', packetOf(protocol, pod, 4000, vip, 80));
  const back = (protocol: 'tcp' | 'udp') => sent('toPod', packetOf(protocol, vip, 80, pod, 4000));

  describe.each(['tcp', 'udp'] as const)('%s that conntrack translates', (protocol) => {
    it('[C15, C18, H1] goes on there, and is cut if its backend is denied', async () => {
      track(protocol, pod, vip, friend);
      await expect(out(protocol)).resolves.toBe(`${pod} > ${vip}`);
      await expect(back(protocol)).resolves.toBe(`${vip} > ${pod}`);
      const [[, flow] = []] = await node.tables.flows.entries();
      expect(flow).toMatchObject({ translation: 'elsewhere', other: { peerPort: 8080 }, packets: [1, 1] });
      // By what the pod dialled, too.
      const [event] = await node.events();
      expect(event).toMatchObject({
        kind: 'allow',
        peerPort: 8080,
        dialled: mappedBytes(vip),
        dialledPort: 80,
      });
      await judged(TO_FRIENDS, {
        direction: 'egress',
        peer: 'friend',
        port: 8080,
        verdict: 'deny',
        protocol: protocol === 'tcp' ? 'TCP' : 'UDP',
      });
      await expect(out(protocol)).resolves.toBe('drop');
      await expect(back(protocol)).resolves.toBe('drop');
      await judged(TO_FRIENDS);
      await expect(out(protocol)).resolves.toBe(`${pod} > ${vip}`);
    });

    it('[C15, C18] to a backend that is denied goes nowhere, whoever speaks first', async () => {
      track(protocol, pod, vip, stranger);
      await expect(back(protocol)).resolves.toBe('drop');
      await expect(out(protocol)).resolves.toBe('drop');
      expect(await node.tables.flows.entries()).toEqual([]);
    });

    it('[C15] passes where the server speaks first', async () => {
      track(protocol, pod, vip, friend);
      await expect(back(protocol)).resolves.toBe(`${vip} > ${pod}`);
      await expect(out(protocol)).resolves.toBe(`${pod} > ${vip}`);
    });
  });

  it('[C15, A60] a flow that conntrack has forgotten gets a backend of the rows', async () => {
    track('udp', pod, vip, stranger);
    await judged({ direction: 'egress', verdict: 'allow' });
    await expect(out('udp')).resolves.toBe(`${pod} > ${vip}`);
    conntrack('-F');
    await expect(out('udp')).resolves.toBe(`${pod} > ${friend}`);
    await expect(sent('toPod', ip(friend, pod, UDP, udp(9090, 4000)))).resolves.toBe(`${vip} > ${pod}`);
  });

  it('[C15] a new connection with the ports of one that conntrack remembers is translated here', async () => {
    track('tcp', pod, vip, stranger);
    await expect(sent('fromPod', ip(pod, vip, TCP, tcp(4000, 80, SYN)))).resolves.toBe(`${pod} > ${friend}`);
  });

  it('[C18] what answers somebody is judged as what was asked', async () => {
    await judged({ direction: 'egress', verdict: 'allow' });
    for (const protocol of ['tcp', 'udp'] as const) {
      conntrack(
        '-I',
        '-p',
        protocol,
        '-s',
        friend,
        '-d',
        pod,
        '--sport',
        '5000',
        '--dport',
        '80',
        '-t',
        '300',
        '-u',
        'SEEN_REPLY,ASSURED',
        ...(protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : []),
      );
      const answer = () => sent('fromPod', packetOf(protocol, pod, 80, friend, 5000));
      await expect(answer()).resolves.toBe('drop');
    }
    await judged({ direction: 'ingress', peer: 'friend', verdict: 'allow' });
    await expect(sent('fromPod', packetOf('udp', pod, 80, friend, 5000))).resolves.toBe(`${pod} > ${friend}`);
  });
});
