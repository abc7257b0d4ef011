/** First packets of connections, made by hand. Checksums are left out: the programs do not look at them. */
import { type Address, addressBytes, familyOf } from '../../../model/address.ts';
import type { Protocol } from '../../../model/names.ts';

/** A connection as its first packet shows it. */
export interface CraftedFlow {
  readonly source: Address;
  /** Of the source's family. */
  readonly destination: Address;
  /** null: an ICMP echo request, whose identifier is the source port. */
  readonly protocol: Protocol | null;
  readonly sourcePort: number;
  readonly port: number;
}

const ETHERNET_BYTES = 14;
const SYN = 2;

/** The frame that opens the connection: a SYN, a datagram, an INIT or an echo request. */
export function openingFrame(flow: CraftedFlow): Uint8Array {
  const isIpv4 = familyOf(flow.source) === 'IPv4';
  const { number, payload } = transport(flow, isIpv4);
  return isIpv4 ? ipv4Frame(flow, number, payload) : ipv6Frame(flow, number, payload);
}

/** A frame whose TCP header is cut short, which the programs drop whatever the rows say. */
export function truncatedFrame(source: Address, destination: Address): Uint8Array {
  const flow: CraftedFlow = { source, destination, protocol: 'TCP', sourcePort: 0, port: 0 };
  return ipv4Frame(flow, 6, new Uint8Array(4));
}

function transport({ protocol, sourcePort, port }: CraftedFlow, isIpv4: boolean) {
  if (protocol === null)
    return isIpv4
      ? { number: 1, payload: echoRequest(8, sourcePort) }
      : { number: 58, payload: echoRequest(128, sourcePort) };
  const { number, size } = {
    TCP: { number: 6, size: 20 },
    UDP: { number: 17, size: 8 },
    SCTP: { number: 132, size: 32 },
  }[protocol];
  const payload = new Uint8Array(size);
  const view = new DataView(payload.buffer);
  view.setUint16(0, sourcePort);
  view.setUint16(2, port);
  if (protocol === 'TCP') {
    view.setUint8(12, (size / 4) << 4);
    view.setUint8(13, SYN);
  } else if (protocol === 'UDP') {
    view.setUint16(4, size);
  } else {
    // An INIT chunk behind the common header.
    view.setUint8(12, 1);
    view.setUint16(14, size - 12);
  }
  return { number, payload };
}

function echoRequest(type: number, identifier: number): Uint8Array {
  const message = new Uint8Array(8);
  const view = new DataView(message.buffer);
  view.setUint8(0, type);
  view.setUint16(4, identifier);
  return message;
}

function ipv4Frame({ source, destination }: CraftedFlow, protocol: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(20);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x45);
  view.setUint16(2, header.length + payload.length);
  view.setUint8(8, 64);
  view.setUint8(9, protocol);
  header.set(addressBytes(source), 12);
  header.set(addressBytes(destination), 16);
  return frame(0x0800, header, payload);
}

function ipv6Frame({ source, destination }: CraftedFlow, protocol: number, payload: Uint8Array): Uint8Array {
  const header = new Uint8Array(40);
  const view = new DataView(header.buffer);
  view.setUint8(0, 0x60);
  view.setUint16(4, payload.length);
  view.setUint8(6, protocol);
  view.setUint8(7, 64);
  header.set(addressBytes(source), 8);
  header.set(addressBytes(destination), 24);
  return frame(0x86dd, header, payload);
}

function frame(type: number, header: Uint8Array, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(ETHERNET_BYTES + header.length + payload.length);
  new DataView(bytes.buffer).setUint16(12, type);
  bytes.set(header, ETHERNET_BYTES);
  bytes.set(payload, ETHERNET_BYTES + header.length);
  return bytes;
}
