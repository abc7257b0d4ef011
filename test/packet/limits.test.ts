import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DROP_REASON_WORDS } from '../../src/generated/policy.ts';
import { ip, SYN, TCP, tcp, UDP, udp } from './packets.ts';
import { FRIEND, interfaceOf, PEERS, POD, POD_ADDRESSES } from './pod.ts';
import { createPolicyNode, POD_INTERFACE, type PolicyNode } from './policy-node.ts';
import { deniedBut, rowsOf, type VerdictWords } from './policy-rows.ts';

const [pod] = POD_ADDRESSES;
const friend = FRIEND.IPv4;
const ALLOWED: VerdictWords = {
  direction: 'ingress',
  peer: 'friend',
  protocol: 'TCP',
  port: 80,
  verdict: 'allow',
};
const ROWS = rowsOf(POD, POD_ADDRESSES, PEERS, deniedBut(ALLOWED, { ...ALLOWED, protocol: 'UDP' }));
const LONG_AGO = 1;

async function nodeWith(...[options, sizes]: Parameters<typeof createPolicyNode>): Promise<PolicyNode> {
  const node = await createPolicyNode(options, sizes);
  await node.dataplane.sync(ROWS, interfaceOf());
  return node;
}

/** As if no packet had come since the machine started. */
async function age(node: PolicyNode): Promise<void> {
  const flows = await node.tables.flows.entries();
  await node.tables.flows.set(flows.map(([key, flow]) => [key, { ...flow, lastSeen: LONG_AGO }] as const));
}

describe('a full flow table', () => {
  let node: PolicyNode;
  beforeAll(async () => {
    node = await nodeWith({}, { flows: 50 });
  });
  afterAll(() => node.close());

  it('[H13, E9] keeps what it has, and judges what it has no room for by the rows', async () => {
    for (let port = 1000; port < 1200; port++)
      await expect(node.toPod(ip(friend, pod, TCP, tcp(port, 80, SYN)))).resolves.toBe('pass');
    const flows = await node.tables.flows.entries();
    expect(flows).toHaveLength(50);
    expect(flows.every(([key]) => key.peerPort >= 1000 && key.peerPort < 1050)).toBe(true);
    expect((await node.tallies())['table-full']).toBe(150);
    await expect(node.toPod(ip(friend, pod, TCP, tcp(1199, 81, SYN)))).resolves.toBe('drop');
  });
});

describe('a share of the flow table', () => {
  it('[I27] is what one pod can fill; ended flows and gone interfaces give it back', async () => {
    const node = await nodeWith({ flowsPerSubject: 20 });
    const open = async (first: number) => {
      for (let port = first; port < first + 30; port++) await node.toPod(ip(friend, pod, UDP, udp(port, 80)));
    };
    await open(1000);
    expect(await node.tables.flows.entries()).toHaveLength(20);
    expect((await node.tallies())['share-full']).toBe(10);
    await expect(node.tables.usages.get(POD_INTERFACE)).resolves.toEqual({ flows: 20 });
    await expect(node.sweep()).resolves.toBe(0);
    await age(node);
    await expect(node.sweep()).resolves.toBe(20);
    await expect(node.tables.usages.get(POD_INTERFACE)).resolves.toEqual({ flows: 0 });
    await open(2000);
    expect(await node.tables.flows.entries()).toHaveLength(20);
    await node.dataplane.sync(ROWS, new Map());
    await node.dataplane.collect();
    await expect(node.sweep()).resolves.toBe(20);
    await expect(node.tables.flows.entries()).resolves.toEqual([]);
    node.close();
  });
});

describe('flows that ended', () => {
  it('[H20] let no reply through, and are judged again by their next packet', async () => {
    const node = await nodeWith();
    await node.toPod(ip(friend, pod, UDP, udp(1000, 80)));
    await expect(node.fromPod(ip(pod, friend, UDP, udp(80, 1000)))).resolves.toBe('pass');
    await age(node);
    await expect(node.fromPod(ip(pod, friend, UDP, udp(80, 1000)))).resolves.toBe('drop');
    await expect(node.toPod(ip(friend, pod, UDP, udp(1000, 80)))).resolves.toBe('pass');
    await expect(node.fromPod(ip(pod, friend, UDP, udp(80, 1000)))).resolves.toBe('pass');
    node.close();
  });
});

describe('events', () => {
  it('[H18] keep to a rate, and what is left out is counted', async () => {
    const node = await nodeWith({ eventsPerSecond: 0 });
    await node.toPod(ip(friend, pod, TCP, tcp(1000, 81, SYN)));
    await expect(node.events()).resolves.toEqual([]);
    expect((await node.tallies())['events-limited']).toBe(1);
    node.close();
  });

  it('[H18] of admitted flows are some, which take nobody else’s place; counters know all of them', async () => {
    const node = await nodeWith({ admissionsPerSecond: 2, eventsPerSecond: 1 });
    for (let port = 1000; port < 1500; port++) await node.toPod(ip(friend, pod, TCP, tcp(port, 80, SYN)));
    await node.toPod(ip(friend, pod, TCP, tcp(1000, 81, SYN)));
    const kinds = (await node.events()).map(({ kind }) => kind);
    expect(kinds.at(-1)).toBe('drop');
    // Each CPU has a rate of its own, so there may be more than two.
    expect(kinds.length).toBeGreaterThanOrEqual(3);
    expect(kinds.length).toBeLessThan(500);
    expect(await node.tallies()).toMatchObject({ allowed: 500, 'events-limited': 0 });
    const hits = (await node.tables.ruleHits.entries()).map(([, each]) =>
      each.reduce((total, own) => total + own.hits, 0),
    );
    expect(hits.reduce((total, own) => total + own, 0)).toBe(501);
    node.close();
  });

  it('[H18] there is a counter for every reason', async () => {
    const node = await nodeWith();
    const keys = (await node.tables.dropCounts.entries()).map(([key]) => key);
    expect(keys.toSorted((a, b) => a - b)).toEqual(DROP_REASON_WORDS.map((_, index) => index));
    node.close();
  });
});
