/**
 * A process of its own for each agent, inside the namespace of its node, as in production. Talks to the benchmark over
 * Node's channel.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { NetworkPolicyObject, WeirObject } from '../../src/model/objects.ts';
import { answerParent } from './child-process.ts';
import { type PolicyAgent, startPolicyAgent } from './policy-agent.ts';
import { type Changed, type Cluster, Request } from './policy-messages.ts';
import { PAIR_NODE, pairCluster } from './policy-pair.ts';
import { localPolicies, POLICY_NODE, policyAt, policyCluster } from './policy-shape.ts';

let agent: PolicyAgent | null = null;
let edits: Iterator<NetworkPolicyObject> = [].values();

async function answer(request: Request): Promise<Changed | null> {
  switch (request.type) {
    case 'start': {
      const { cluster } = request;
      const node = cluster.of === 'pair' ? PAIR_NODE : POLICY_NODE;
      agent = await startPolicyAgent(objectsOf(cluster), { ...request, node });
      if (cluster.of === 'shape') edits = editsOf(cluster.shape);
      return null;
    }
    case 'change':
      return { latenciesMs: await changePolicies(request) };
  }
}

async function changePolicies({ count, apartMs }: { count: number; apartMs: number }): Promise<number[]> {
  const latencies: number[] = [];
  while (latencies.length < count) {
    const edit = edits.next();
    if (agent === null || edit.done === true) throw new Error('change was asked for before start');
    latencies.push(await agent.change(edit.value));
    await delay(apartMs);
  }
  return latencies;
}

function objectsOf(cluster: Cluster): readonly WeirObject[] {
  if (cluster.of === 'pair') return pairCluster(cluster.policies);
  const { shape } = cluster;
  return [
    ...policyCluster(shape),
    ...Array.from({ length: shape.policies }, (_, index) => policyAt(shape, index)),
  ];
}

/** Goes through the policies that select pods of this node, again and again; each time all of its rules get another port. */
function* editsOf(shape: Extract<Cluster, { of: 'shape' }>['shape']): Generator<NetworkPolicyObject> {
  const policies = localPolicies(shape);
  for (let port = 8_081; ; port = port === 65_535 ? 8_081 : port + 1)
    for (const index of policies) yield policyAt(shape, index, port);
}

answerParent(
  (message) => answer(Request.parse(message)),
  async () => agent?.close(),
);
