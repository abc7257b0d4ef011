/**
 * A lab whose node one may take packets between its pods past its stack. Counters of the node's netfilter tell which way
 * packets went, and those of the programs.
 */
import { afterAll, beforeAll, expect } from 'vitest';
import { type Conversation, startConversation } from './conversation.ts';
import { type Manifest, node, pod, service } from './manifests.ts';
import { usePolicyLab } from './policy-lab.ts';
import { networkPolicy, podsLabelled } from './policy-manifests.ts';

export const ADDRESSES = {
  web: ['10.244.1.10', 'fd44:1::10'],
  near: ['10.244.1.11', 'fd44:1::11'],
  free: ['10.244.1.12', 'fd44:1::12'],
  far: ['10.244.2.13', 'fd44:2::13'],
} as const;
export type PodName = keyof typeof ADDRESSES;
export const CLUSTER_IPS = ['10.96.0.77', 'fd96::77'] as const;
/** Indexes of the pods' addresses. */
export const FAMILIES = [0, 1] as const;
const PORTS = [
  { containerPort: 80 },
  { containerPort: 81 },
  { containerPort: 53, protocol: 'UDP' as const },
  { containerPort: 54, protocol: 'UDP' as const },
];

/** How many packets went each way. */
export const BY_STACK = { past: 0, stack: expect.toSatisfy((count: number) => count > 0) };
export const PAST_IT = { past: expect.toSatisfy((count: number) => count > 0), stack: 0 };

/** A policy of web that lets these in, by some ports. */
export const letIn = (...apps: readonly string[]) =>
  networkPolicy('web', {
    ingress: apps.map((app) => ({
      from: [podsLabelled(app)],
      ports: [{ port: 80 }, ...[53, 99].map((port) => ({ protocol: 'UDP', port }))],
    })),
  });
/** Has near judged: what it sends passes, and nothing may come. */
export const SELECTS_NEAR = networkPolicy('near', { egress: [{}] });

/** Sees what the node forwards between its own pods, before anybody else does. */
const WATCH = `table inet watch {
  counter forwarded {}
  chain forward {
    type filter hook forward priority -300; policy accept
    ip saddr 10.244.1.0/24 ip daddr 10.244.1.0/24 counter name forwarded
    ip6 saddr fd44:1::/64 ip6 daddr fd44:1::/64 meta l4proto { tcp, udp } counter name forwarded
    ip6 saddr fd44:1::/64 ip6 daddr fd44:1::/64 icmpv6 type { echo-request, echo-reply } counter name forwarded
  }
}`;

/** One of the pods. */
export function podAt(name: PodName, onNode: string): Manifest {
  const manifest = pod(name, { node: onNode, ports: PORTS });
  const podIPs = ADDRESSES[name].map((ip) => ({ ip }));
  return { ...manifest, status: { ...(manifest.status as object), podIPs } };
}

const CLUSTER = [
  node('one'),
  node('two'),
  podAt('web', 'one'),
  podAt('near', 'one'),
  podAt('free', 'one'),
  podAt('far', 'two'),
  service('web', {
    clusterIP: CLUSTER_IPS[0],
    clusterIPs: CLUSTER_IPS,
    ports: [{ port: 8080, targetPort: 80 }],
  }),
];

/** Declares the suite's lab; near, free and far may talk to web. */
export function useSameNodeLab() {
  const lab = usePolicyLab('bpf', CLUSTER, ['--same-node=direct', '--services-backend=nft']);
  const begun: Conversation[] = [];
  const kernel = async () => (await lab.policies('one')).kernel;
  const counter = async (who: string, table: string, name: string) => {
    const text = await lab.inside(who, 'nft', '-j', 'list', 'counter', 'inet', table, name);
    return JSON.parse(text).nftables[1].counter as { readonly packets: number; readonly bytes: number };
  };
  const count = async () => [
    (await kernel())?.tallies['passed-by'] ?? 0,
    (await counter('node/one', 'watch', 'forwarded')).packets,
  ];
  beforeAll(async () => {
    await lab.inside('node/one', 'nft', WATCH);
    await lab.apply(letIn('near', 'free', 'far'), SELECTS_NEAR);
  });
  afterAll(() => {
    for (const conversation of begun) conversation.end();
  });
  return {
    ...lab,
    kernel,
    counter,
    /** From a pod; ends with the suite. */
    converse(who: string, address: string, port: number, more: object = {}): Conversation {
      const conversation = startConversation(lab, who, { address, port, ...more });
      begun.push(conversation);
      return conversation;
    },
    /** How many packets went each way during the work. */
    async waysOf(work: () => Promise<unknown>) {
      const before = await count();
      await work();
      const [past = 0, stack = 0] = (await count()).map((after, index) => after - (before[index] ?? 0));
      return { past, stack };
    },
    /** Verdicts of questions whose asking pod is of the namespace default. */
    ask: async (...questions: readonly string[]) =>
      Object.values(await lab.verdicts(...questions.map((question) => `default/${question}`))),
    /** Name of the pod's interface on the node. */
    async hostSide(name: PodName) {
      const routes = await lab.inside('node/one', 'ip', '-j', 'route', 'show', ADDRESSES[name][0]);
      return (JSON.parse(routes)[0]?.dev ?? '') as string;
    },
    refused: async () => (await kernel())?.passages?.refused ?? [],
  };
}
