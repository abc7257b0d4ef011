/**
 * What the policy programs cost a packet, by how many policies the node has and how many flows are open. Packets are test
 * runs of the loaded programs: no namespace, nothing attached. `hot`: the same packet again and again. `random`: each of
 * another flow, so that every look-up misses the processor's caches; these times, counted by the kernel, hold what the
 * system call around each run pushes out of the caches as well.
 */

import type { Flow, FlowKey } from '../../../src/generated/policy.ts';
import { runOnPacket, runOnPackets } from '../../../src/kernel/bpf-program.ts';
import { nativeAddon } from '../../../src/kernel/native.ts';
import type { Descriptor } from '../../../src/kernel/native-bpf.ts';
import type { PolicyRows } from '../../../src/model/policy-rows.ts';
import { ACK, address, frameOf, ip, RST, SYN, TCP, tcp } from '../../packet/packets.ts';
import { FRIEND, interfaceOf, POD, POD_ADDRESSES } from '../../packet/pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from '../../packet/policy-node.ts';
import { deniedBut, rowsOf } from '../../packet/policy-rows.ts';
import { OWN, VIP, webServices } from '../../packet/service-node.ts';
import type { Series } from '../report.ts';
import { runInterleaved } from '../rounds.ts';
import type { Scenario } from '../scenario.ts';
import type { Random } from '../statistics.ts';

const ELSEWHERE = 7;
const SERVER_PORT = 80;
const FLOWS_PER_PORT = 50_000;
const BATCH = 4096;

interface Variant {
  readonly name: string;
  readonly metric: string;
  readonly measure: () => Promise<number>;
}

export const POLICY_PROGRAM: Scenario = {
  name: 'policy-program',
  about:
    'ns per packet of the policy programs: established, translated and new flows, by number of policies and flows',
  async run({ quick, rounds, random, progress }) {
    const [flows, repeat] = quick ? [10_000, 20_000] : [100_000, 200_000];
    const counts = quick ? [1, 100] : [1, 100, 10_000];
    const nodes: PolicyNode[] = [];
    const variants: Variant[] = [];
    for (const policies of counts) {
      progress(`${policies} policies, ${flows} flows`);
      const node = await loadedNode(policies, flows);
      nodes.push(node);
      variants.push(...variantsOf(node, policies, flows, repeat, random));
    }
    try {
      const values = await runInterleaved(
        variants,
        { rounds: rounds ?? 11, warmUps: 1, random },
        ({ measure }) => measure(),
      );
      const baseline = variantName(counts[0] ?? 1, flows);
      return [...values].map(
        ([{ name, metric }, nanoseconds]): Series => ({
          scenario: 'policy-program',
          variant: name,
          metric,
          unit: 'ns',
          baseline,
          values: nanoseconds,
        }),
      );
    } finally {
      for (const node of nodes) node.close();
    }
  },
};

function variantName(policies: number, flows: number): string {
  return `${policies} ${policies === 1 ? 'policy' : 'policies'}, ${flows} flows`;
}

function variantsOf(
  node: PolicyNode,
  policies: number,
  flows: number,
  repeat: number,
  random: Random,
): readonly Variant[] {
  const name = variantName(policies, flows);
  const [pod] = POD_ADDRESSES;
  const hot = (peerPort: number, localPort: number, flags: number) => {
    const frame = frameOf(ip(FRIEND.IPv4, pod, TCP, tcp(peerPort, localPort, flags)));
    const packet = { frame, interfaceIndex: POD_INTERFACE, ingressInterface: ELSEWHERE, repeat };
    return async () => (await runOnPacket(node.programs.toPod, packet)).nanoseconds;
  };
  const each =
    (packet: () => Uint8Array, program = node.programs.toPod) =>
    () =>
      meanOfRuns(program, Array.from({ length: BATCH }, packet).map(frameOf));
  const established = () => {
    const [peerPort, localPort] = portsOf(Math.floor(random() * flows));
    return ip(FRIEND.IPv4, pod, TCP, tcp(peerPort, localPort, ACK));
  };
  // A RST is judged like the first packet of a flow, but leaves none.
  const judged = () => ip(peerOf(Math.floor(random() * policies)), pod, TCP, tcp(1, SERVER_PORT, RST));
  const [peerPort, localPort] = portsOf(0);
  const direct = () => ip(pod, FRIEND.IPv4, TCP, tcp(localPort, peerPort, ACK));
  const translated = () => ip(pod, VIP.IPv4, TCP, tcp(4000, 80, ACK));
  return [
    { name, metric: 'one flow', measure: each(direct, node.programs.fromPod) },
    { name, metric: 'one flow, translated', measure: each(translated, node.programs.fromPod) },
    { name, metric: 'established, hot', measure: hot(...portsOf(0), ACK) },
    { name, metric: 'established, random', measure: each(established) },
    { name, metric: 'new, hot', measure: hot(1, SERVER_PORT, RST) },
    { name, metric: 'new, random', measure: each(judged) },
    { name, metric: 'denied, hot', measure: hot(1, SERVER_PORT - 1, SYN) },
  ];
}

/** One policy each admits a peer of its own to the pod; the others' pods are elsewhere on the node. */
async function loadedNode(policies: number, flows: number): Promise<PolicyNode> {
  const node = await createPolicyNode({ admissionsPerSecond: 0, eventsPerSecond: 0 });
  const [pod] = POD_ADDRESSES;
  await node.dataplane.sync(rowsFor(policies), interfaceOf());
  await node.toPod(ip(FRIEND.IPv4, pod, TCP, tcp(...portsOf(0), SYN)), ELSEWHERE);
  const [[key, flow] = noFlow()] = await node.tables.flows.entries();
  const entries = Array.from({ length: flows }, (_, index): [FlowKey, Flow] => {
    const [peerPort, localPort] = portsOf(index);
    return [
      { ...key, peerPort, localPort },
      { ...flow, state: 'established' },
    ];
  });
  await node.tables.flows.set(entries);
  await node.services.sync(webServices(8080), OWN);
  await node.fromPod(ip(pod, VIP.IPv4, TCP, tcp(4000, 80, SYN)));
  return node;
}

function rowsFor(policies: number): PolicyRows {
  const names = Array.from({ length: policies }, (_, index) => `peer ${index}`);
  const peers = Object.fromEntries(names.map((name, index) => [`${peerOf(index)}/32`, name]));
  const port = { direction: 'ingress', protocol: 'TCP', verdict: 'allow' } as const;
  const verdicts = names.map((peer) => ({ ...port, peer, port: SERVER_PORT }));
  // The flows of the table go to other ports, so that there may be many from one peer.
  const flows = [1, 2].map((more) => ({ ...port, peer: 'friend', port: SERVER_PORT + more }));
  const services = { direction: 'egress', peer: 'friend', verdict: 'allow' } as const;
  return rowsOf(
    POD,
    POD_ADDRESSES,
    { ...peers, [`${FRIEND.IPv4}/32`]: 'friend' },
    deniedBut(...verdicts, ...flows, services),
  );
}

function peerOf(index: number) {
  return address(`10.${128 + (index >> 16)}.${(index >> 8) & 0xff}.${index & 0xff}`);
}

/** Ports of the flow with this number: peer's, pod's. */
function portsOf(index: number): readonly [number, number] {
  return [10_000 + (index % FLOWS_PER_PORT), SERVER_PORT + 1 + Math.floor(index / FLOWS_PER_PORT)];
}

async function meanOfRuns(program: Descriptor, frames: readonly Uint8Array[]): Promise<number> {
  // Counting costs every run some 30 ns, so it is on for these alone.
  const counting = await nativeAddon().countProgramRuns();
  try {
    const before = await nativeAddon().describeProgram(program);
    await runOnPackets(program, frames, { interfaceIndex: POD_INTERFACE, ingressInterface: ELSEWHERE });
    const after = await nativeAddon().describeProgram(program);
    return (after.nanoseconds - before.nanoseconds) / (after.runs - before.runs);
  } finally {
    nativeAddon().closeDescriptor(counting);
  }
}

function noFlow(): never {
  throw new Error('the packet that opens a flow was dropped');
}
