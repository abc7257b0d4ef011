/** Open flows as the table of the policy programs has them: those of pods that policies select. */
import { hrtime } from 'node:process';
import { type Flow, type FlowKey, TABLES } from '../../../generated/policy.ts';
import { openTable } from '../../../kernel/bpf-table.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import { PROTOCOL_NUMBERS } from '../../../model/names.ts';
import type { OpenFlow } from '../../open-flow.ts';
import { unmappedAddress } from '../mapped-address.ts';
import { PROGRAM_OPTIONS } from './backend.ts';

/** `directory`: of the agent's pins. Rejects with the kernel's Error where there is no table. */
export async function readFlowTable(directory: string): Promise<readonly OpenFlow[]> {
  const map = await nativeAddon().openPinned(`${directory}/maps/flows`);
  try {
    const entries = await openTable(map, TABLES.flows).entries();
    const now = Number(hrtime.bigint());
    return entries.flatMap(([key, flow]) => openFlowOf(key, flow, now) ?? []);
  } finally {
    nativeAddon().closeDescriptor(map);
  }
}

/**
 * undefined: over, not answered yet (TCP), nothing that policies are about, or the entry of a flow that has another one.
 * `now`: ns, CLOCK_MONOTONIC.
 */
export function openFlowOf(key: FlowKey, flow: Flow, now: number): OpenFlow | undefined {
  if (flow.translation === 'to-backend' || flow.origin === 'exempt' || hasEnded(key, flow, now))
    return undefined;
  if (key.protocol === PROTOCOL_NUMBERS.TCP && flow.state !== 'established') return undefined;
  return {
    direction: flow.direction,
    local: unmappedAddress(key.local),
    protocol: key.protocol,
    ...peersOf(key, flow),
  };
}

function peersOf(
  key: FlowKey,
  { translation, other }: Flow,
): Pick<OpenFlow, 'localPort' | 'peer' | 'peerPort' | 'dialled'> {
  if (translation === 'none') return { ...peerOf(key), localPort: key.localPort, dialled: null };
  const [real, seen] = translation === 'to-service' ? [key, other] : [other, key];
  const { peer, peerPort } = peerOf(seen);
  return { ...peerOf(real), localPort: seen.localPort, dialled: { address: peer, port: peerPort } };
}

function peerOf({ peer, peerPort }: Pick<FlowKey, 'peer' | 'peerPort'>): Pick<OpenFlow, 'peer' | 'peerPort'> {
  return { peer: unmappedAddress(peer), peerPort };
}

/** What is idle for this long is forgotten by the next sweep. */
function hasEnded({ protocol }: FlowKey, { state, lastSeen }: Flow, now: number): boolean {
  const { tcpEstablishedSeconds, otherOpeningSeconds, otherEstablishedSeconds } = PROGRAM_OPTIONS;
  const others = state === 'opening' ? otherOpeningSeconds : otherEstablishedSeconds;
  return now - lastSeen > (protocol === PROTOCOL_NUMBERS.TCP ? tcpEstablishedSeconds : others) * 1e9;
}
