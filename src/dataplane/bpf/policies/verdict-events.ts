/** Events of the policy programs, out of the ring buffer. */
import { type PolicyEvent, policyEventCodec } from '../../../generated/policy.ts';
import { nativeAddon } from '../../../kernel/native.ts';
import type { Descriptor } from '../../../kernel/native-bpf.ts';
import type { RuleName } from '../../../model/policy-rows.ts';
import type { Dialled, PolicyVerdict } from '../../policy-backend.ts';
import { unmappedAddress } from '../mapped-address.ts';
import type { PolicyDataplane } from './dataplane.ts';
import { wallMs } from './figures.ts';

/** Records taken in one turn of the event loop. */
const MOST_AT_ONCE = 4096;

/** Being woken costs as much as many records: for each flow of its own it took a tenth of the rate of connections. */
const PAUSE_MS = 50;

/** Reads until the result is called. */
export function readVerdicts(
  ring: Descriptor,
  dataplane: Pick<PolicyDataplane, 'contentOf'>,
  take: (verdict: PolicyVerdict) => void,
): () => void {
  const takeAll = (bytes: Uint8Array) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + policyEventCodec.size <= bytes.length; at += policyEventCodec.size)
      take(verdictOf(policyEventCodec.read(view, at), dataplane));
  };
  const reader = nativeAddon().readRing(ring, MOST_AT_ONCE, takeAll, PAUSE_MS);
  return () => nativeAddon().closeReader(reader);
}

function verdictOf(event: PolicyEvent, { contentOf }: Pick<PolicyDataplane, 'contentOf'>): PolicyVerdict {
  const rule = (number: number) => (contentOf('rule', number) as RuleName | undefined) ?? null;
  const { direction, kind, reason, protocol, localPort, peerPort, length } = event;
  return {
    timeMs: wallMs(event.time),
    kind,
    direction,
    local: unmappedAddress(event.local),
    localPort,
    peer: unmappedAddress(event.peer),
    peerPort,
    dialled: dialledOf(event),
    interfaceIndex: event.interface,
    protocol,
    length,
    reason,
    rule: rule(event.rule),
    auditRule: rule(event.auditRule),
  };
}

/** Without translation all bytes are 0; an IPv4 address always has others. */
function dialledOf({ dialled, dialledPort }: PolicyEvent): Dialled | null {
  if (dialled.every((byte) => byte === 0)) return null;
  return { address: unmappedAddress(dialled), port: dialledPort };
}
