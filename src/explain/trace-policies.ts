/**
 * Policies in a trace: both ends of a connection judged by the rows of their own nodes, each as the packet is there: leaving
 * its client, after that one's node translated it; reaching its server, before that one's node masquerades.
 */
import { type Address, formatEndpoint } from '../model/address.ts';
import { compareText, type NodeName, type Protocol } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import {
  answerPolicy,
  type PolicyAnswer,
  type PolicyEnd,
  policyAnswerText,
  UNTOUCHED_BY_POLICY,
} from './policy-answer.ts';
import type { TraceAnswer } from './trace-line.ts';
import type { TraceScene } from './trace-scene.ts';

/** Where a connection ends, and how it is on its way there. */
export interface Arrival {
  readonly address: Address;
  readonly port: number;
  /** Whom its server's node sees. */
  readonly client: Address;
  /** Where it is sent by the node it entered at: elsewhere, if another node translates it. */
  readonly leaving: { readonly address: Address; readonly port: number };
}

/** Who began the connection. */
export interface Origin {
  /** null: no pod, or one in the host network: it speaks as the node. */
  readonly pod: PodObject | null;
  /** The node on which a process speaks with the node's own address; null: a pod or an external client. */
  readonly node: NodeName | null;
  /** null: a protocol without ports. */
  readonly protocol: Protocol | null;
}

/** What both ends say of one arrival; null where that end is no pod. */
interface JudgedArrival {
  readonly egress: PolicyAnswer | null;
  readonly ingress: PolicyAnswer | null;
}

/** The answer with what policies say at each of the places where the connection may end. */
export function withPolicies(
  scene: TraceScene,
  origin: Origin,
  answer: TraceAnswer,
  arrivals: readonly Arrival[],
): TraceAnswer {
  const judged = arrivals.map((arrival) => ({ arrival, ends: judgeArrival(scene, origin, arrival) }));
  const denied = judged.filter(({ ends }) => isDenied(ends));
  const told = (denied[0] ?? judged[0])?.ends;
  if (told === undefined) return answer;
  const isBlocked = denied.length === judged.length;
  return {
    ...answer,
    ...told,
    ...(isBlocked ? { verdict: 'blocked' as const, answeredBy: null, clientSeen: null } : {}),
    denied:
      answer.candidates.length === 0
        ? []
        : denied.map(({ arrival }) => formatEndpoint(arrival.address, arrival.port)).sort(compareText),
    why: [answer.why, ...whyDenied(told, denied.length, judged.length)].join('; '),
  };
}

function whyDenied({ egress, ingress }: JudgedArrival, denied: number, all: number): readonly string[] {
  const texts = [
    denied > 0 && all > 1 ? `policies deny ${denied} of ${all}` : '',
    egress === null ? '' : policyAnswerText('egress', egress),
    ingress === null ? '' : policyAnswerText('ingress', ingress),
  ];
  return texts.filter((text) => text !== '');
}

function judgeArrival(scene: TraceScene, origin: Origin, arrival: Arrival): JudgedArrival {
  const server = scene.ownerOf(arrival.address);
  const { protocol } = origin;
  const { port } = arrival;
  // A pod always reaches itself, and a node its own pods (C12, C13).
  const isSelf = origin.pod !== null && server?.pod === origin.pod;
  const isOwnNode = origin.node !== null && server?.node === origin.node;
  const judged = (end: PolicyEnd) => (isSelf ? UNTOUCHED_BY_POLICY : judgeEnd(scene, end));
  const egress =
    origin.pod === null
      ? null
      : judged({
          direction: 'egress',
          subject: origin.pod,
          peer: arrival.leaving.address,
          protocol,
          port: arrival.leaving.port,
        });
  if (!server?.pod) return { egress, ingress: null };
  const ingress = isOwnNode
    ? UNTOUCHED_BY_POLICY
    : judged({ direction: 'ingress', subject: server.pod, peer: arrival.client, protocol, port });
  return { egress, ingress };
}

function isDenied({ egress, ingress }: JudgedArrival): boolean {
  return egress?.verdict === 'denied' || ingress?.verdict === 'denied';
}

function judgeEnd(scene: TraceScene, end: PolicyEnd): PolicyAnswer {
  const { nodeName } = end.subject;
  if (nodeName === null) return UNTOUCHED_BY_POLICY;
  scene.onPolicyEnd(end);
  return answerPolicy(scene.policiesOf(nodeName), scene.objects, end);
}
