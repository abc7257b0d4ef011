/** `weir flows`: what policies let through and dropped, with names and the rule that decided. */
import { streamAgent } from '../agent/control-client.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import type { NamedVerdict } from '../agent/verdict-log.ts';
import { endText } from '../explain/end-text.ts';
import { protocolFromNumber, protocolText } from '../model/names.ts';
import { ruleText } from '../model/rule-place.ts';
import { checkInstance } from './instance.ts';
import { print } from './output.ts';

/** Prints the last verdicts, and with `follow` the next ones until Ctrl-C; JSON is a line for each. */
export async function flows(options: {
  readonly instance: string;
  readonly follow?: true;
  readonly json?: true;
}): Promise<void> {
  const resource = options.follow ? '/flows?follow' : '/flows';
  await streamAgent(controlSocketPath(checkInstance(options.instance)), resource, (line) =>
    print(options.json ? line : verdictText(JSON.parse(line) as NamedVerdict)),
  );
}

/** One verdict as a line: when, what, who to whom, why. */
export function verdictText(verdict: NamedVerdict): string {
  const { direction, kind, protocol, local, localPort } = verdict;
  // Of ICMP they are an identifier, or type and code.
  const hasPorts = protocolFromNumber(protocol) !== null;
  const own = endText(verdict.pod, local, hasPorts ? localPort : null);
  const other = peerText(verdict, hasPorts);
  const [from, to] = direction === 'egress' ? [own, other] : [other, own];
  const way = `${from} \u2192 ${to} ${protocolText(protocol)}`;
  return `${verdict.time} ${kind} ${direction} ${way}, ${reasonText(verdict)}`;
}

/** With the Service before it that leads there. */
function peerText(verdict: NamedVerdict, hasPorts: boolean): string {
  const { peer, peerPort, peerPod, peerService, dialled } = verdict;
  const port = hasPorts ? peerPort : null;
  if (dialled === null) return endText(peerPod ?? peerService, peer, port);
  const service = endText(peerService, dialled.address, hasPorts ? dialled.port : null);
  const led = endText(peerPod, peer, port);
  return verdict.direction === 'egress' ? `${service} \u2192 ${led}` : `${led} \u2192 ${service}`;
}

function reasonText({ reason, rule, auditRule }: NamedVerdict): string {
  const decided = rule === null ? reason : ruleText(rule);
  return auditRule === null ? decided : `${decided}; would be denied: ${ruleText(auditRule)}`;
}
