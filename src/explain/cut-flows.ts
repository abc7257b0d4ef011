/** Which open flows other policy rows would cut: what the rows of now allow, and those deny. */
import type { OpenFlow } from '../dataplane/open-flow.ts';
import { decidePolicy, type PolicyTables, policyTables } from '../dataplane/policy-decision.ts';
import type { Address } from '../model/address.ts';
import { compareText, type ObjectName, protocolFromNumber, protocolText } from '../model/names.ts';
import type { Direction, PolicyClassName, PolicyRows, RuleRow } from '../model/policy-rows.ts';
import { type DecidedBy, decidedBy, decidedText } from '../model/rule-place.ts';
import { endText } from './end-text.ts';

/** A flow that would be cut. */
export interface CutFlow {
  readonly pod: ObjectName;
  /** In which it was opened, seen from the pod. */
  readonly direction: Direction;
  readonly local: Address;
  /** null where the protocol has no ports, as the next two. */
  readonly localPort: number | null;
  readonly peer: Address;
  readonly peerPort: number | null;
  /** The server's. */
  readonly port: number | null;
  /** null: no pod that is known here. */
  readonly peerPod: ObjectName | null;
  /** The Service whose address the client dialled; null: none. */
  readonly service: ObjectName | null;
  /** `tcp`, `udp`, `sctp`, `icmp`, `icmpv6` or `protocol N`. */
  readonly protocol: string;
  readonly allowedBy: DecidedBy;
  readonly deniedBy: DecidedBy;
}

/** Whose addresses are. */
export interface FlowNames {
  readonly pods: ReadonlyMap<Address, ObjectName>;
  readonly serviceOf: (address: Address) => ObjectName | null;
}

/** Policy rows as they judge flows. */
interface Judge {
  readonly tables: PolicyTables;
  readonly classes: ReadonlyMap<Address, PolicyClassName>;
}

/** Sorted by pod, then peer. A flow that is there twice goes the way it does first. */
export function cutFlows(
  flows: Iterable<OpenFlow>,
  rows: { readonly installed: PolicyRows; readonly planned: PolicyRows },
  names: FlowNames,
): { readonly judged: number; readonly cut: readonly CutFlow[] } {
  const [installed, planned] = [judgeBy(rows.installed), judgeBy(rows.planned)];
  const once = withoutRepetitions(flows);
  const cut: CutFlow[] = [];
  for (const flow of once) {
    const pod = names.pods.get(flow.local);
    if (pod === undefined) continue;
    const now = decide(installed, flow);
    const then = decide(planned, flow);
    if (now.verdict === 'allow' && then.verdict === 'deny')
      cut.push(named(flow, pod, { names, allowedBy: decidedBy(now.rule), deniedBy: decidedBy(then.rule) }));
  }
  const order = ({ pod, peer, peerPort }: CutFlow) => `${pod} ${peer} ${peerPort}`;
  return { judged: once.length, cut: cut.sort((a, b) => compareText(order(a), order(b))) };
}

/** One flow as a line: who to whom, what allows it, what would deny it. */
export function cutFlowText(flow: CutFlow): string {
  const { pod, direction, local, localPort, peer, peerPort, peerPod, service, protocol } = flow;
  const own = endText(pod, local, localPort);
  const other = endText(peerPod, peer, peerPort);
  const [from, to] = direction === 'egress' ? [own, other] : [other, own];
  const by = service === null ? '' : ` by way of Service ${service}`;
  const [then, now] = [decidedText(flow.deniedBy), decidedText(flow.allowedBy)];
  return `${from} \u2192 ${to} ${protocol}${by}: ${direction} of ${pod} denied, ${then} (allowed now, ${now})`;
}

function withoutRepetitions(flows: Iterable<OpenFlow>): readonly OpenFlow[] {
  const known = new Map<string, OpenFlow>();
  for (const flow of flows) {
    const key = keyOf(flow);
    const first = known.get(key) ?? flow;
    known.set(key, first.dialled === null ? { ...first, dialled: flow.dialled } : first);
  }
  return [...known.values()];
}

function judgeBy(rows: PolicyRows): Judge {
  const classes = new Map<Address, PolicyClassName>();
  for (const { addresses, policyClass } of rows.subjects.values())
    for (const address of addresses) classes.set(address, policyClass);
  return { tables: policyTables(rows), classes };
}

function decide(
  { tables, classes }: Judge,
  flow: OpenFlow,
): { readonly verdict: 'allow' | 'deny'; readonly rule: RuleRow | undefined } {
  const policyClass = classes.get(flow.local);
  if (policyClass === undefined) return { verdict: 'allow', rule: undefined };
  const { direction, peer, localPort, peerPort } = flow;
  const protocol = protocolFromNumber(flow.protocol);
  const port = direction === 'egress' ? peerPort : localPort;
  const { verdict, rule } = decidePolicy(tables, { policyClass, direction, peer, protocol, port });
  return { verdict, rule: tables.rows.rules.get(rule) };
}

function named(
  flow: OpenFlow,
  pod: ObjectName,
  { names, ...by }: Pick<CutFlow, 'allowedBy' | 'deniedBy'> & { readonly names: FlowNames },
): CutFlow {
  const { direction, local, peer, dialled } = flow;
  const hasPorts = protocolFromNumber(flow.protocol) !== null;
  const [localPort, peerPort] = hasPorts ? [flow.localPort, flow.peerPort] : [null, null];
  return {
    pod,
    direction,
    local,
    localPort,
    peer,
    peerPort,
    port: direction === 'egress' ? peerPort : localPort,
    peerPod: names.pods.get(peer) ?? null,
    service: dialled === null ? null : names.serviceOf(dialled.address),
    protocol: protocolText(flow.protocol),
    ...by,
  };
}

function keyOf({ local, localPort, peer, peerPort, protocol }: OpenFlow): string {
  return `${local} ${localPort} ${peer} ${peerPort} ${protocol}`;
}
