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

/** undefined: over, not answered yet (TCP), or nothing that policies are about. `now`: ns, CLOCK_MONOTONIC. */
export function openFlowOf(key: FlowKey, flow: Flow, now: number): OpenFlow | undefined {
  if (flow.origin === 'exempt' || hasEnded(key, flow, now)) return undefined;
  if (key.protocol === PROTOCOL_NUMBERS.TCP && flow.state !== 'established') return undefined;
  return {
    direction: flow.direction,
    local: unmappedAddress(key.local),
    localPort: key.localPort,
    peer: unmappedAddress(key.peer),
    peerPort: key.peerPort,
    protocol: key.protocol,
    dialled: null,
  };
}

/** What is idle for this long is forgotten by the next sweep. */
function hasEnded({ protocol }: FlowKey, { state, lastSeen }: Flow, now: number): boolean {
  const { tcpEstablishedSeconds, otherOpeningSeconds, otherEstablishedSeconds } = PROGRAM_OPTIONS;
  const others = state === 'opening' ? otherOpeningSeconds : otherEstablishedSeconds;
  return now - lastSeen > (protocol === PROTOCOL_NUMBERS.TCP ? tcpEstablishedSeconds : others) * 1e9;
}
