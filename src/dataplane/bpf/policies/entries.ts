/** Rows as entries of the kernel's tables. */
import type { PeerKey, Verdict, VerdictKey } from '../../../generated/policy.ts';
import {
  type Address,
  addressBytes,
  addressFromBytes,
  hostPrefix,
  type Prefix,
  splitPrefix,
} from '../../../model/address.ts';
import type { PolicyClassRows, VerdictRow } from '../../../model/policy-rows.ts';
import type { Numbers } from './numbers.ts';

/** IP protocol numbers of the protocols that rules can name. */
const PROTOCOL_NUMBERS = { TCP: 6, UDP: 17, SCTP: 132 } as const;

/** Bits of a verdict's key before the protocol: policy class, peer class, direction. */
const CLASS_BITS = 72;
const PROTOCOL_BITS = 8;
const IPV4_BITS = 96;

export type VerdictEntry = readonly [VerdictKey, Verdict];

/** The 16 bytes of an address, an IPv4 address mapped. */
export function mappedBytes(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.fill(0xff, 10, 12);
  mapped.set(bytes, 12);
  return mapped;
}

/** Inverse of `mappedBytes`. */
export function unmappedAddress(bytes: Uint8Array): Address {
  const isIpv4 =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return addressFromBytes(isIpv4 ? bytes.subarray(12) : bytes);
}

export function peerKey(prefix: Prefix): PeerKey {
  const { address, length } = splitPrefix(prefix);
  const mapped = mappedBytes(address);
  return { prefixLength: address.includes(':') ? length : length + IPV4_BITS, address: mapped };
}

/** Inverse of `peerKey`. */
export function prefixOfKey({ prefixLength, address }: PeerKey): Prefix {
  const text = unmappedAddress(address);
  if (prefixLength === 128) return hostPrefix(text);
  return `${text}/${text.includes(':') ? prefixLength : prefixLength - IPV4_BITS}` as Prefix;
}

/** What a policy class says, as one text: classes of the same content may share a number, others never do. */
export function contentOfClass({ name, verdicts }: PolicyClassRows): string {
  return [name, ...verdicts.map(textOfRow)].join('\n');
}

function textOfRow(row: VerdictRow): string {
  return [
    row.direction,
    row.peerClass ?? '',
    row.protocol ?? '',
    row.port,
    row.bits,
    row.verdict,
    row.rule,
    row.auditRule ?? '',
  ].join('\t');
}

/** The entries of a policy class under the number that it has. */
export function verdictEntries(
  policyClass: number,
  { verdicts }: PolicyClassRows,
  numbers: Numbers,
): readonly VerdictEntry[] {
  return verdicts.map((row) => [
    {
      prefixLength: row.protocol === null ? CLASS_BITS : CLASS_BITS + PROTOCOL_BITS + row.bits,
      policyClass,
      peerClass: row.peerClass === null ? 0 : numbers.numberOf('peer-class', row.peerClass),
      direction: row.direction,
      protocol: row.protocol === null ? 0 : PROTOCOL_NUMBERS[row.protocol],
      port: row.port,
    },
    {
      rule: numbers.numberOf('rule', row.rule),
      auditRule: row.auditRule === null ? 0 : numbers.numberOf('rule', row.auditRule),
      action: row.verdict,
    },
  ]);
}
