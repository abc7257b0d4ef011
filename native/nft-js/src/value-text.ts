/** Keys and data as readable text, by their data types. */
import { type Bytes, toHex, toUint8Array } from './bytes.ts';
import {
  concatenationBytes,
  type DataType,
  dataTypeBytes,
  isLittleEndian,
  paddedBytes,
} from './data-types.ts';

const PROTOCOL_NAME: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};

/** A value of these fields; hexadecimal if its length does not fit them or nothing is known about them. */
export function printValue(bytes: Bytes, types: readonly DataType[] | undefined): string {
  const value = toUint8Array(bytes);
  if (types === undefined || value.length !== concatenationBytes(types)) return toHex(value);
  let position = 0;
  return types
    .map((type) => {
      const field = value.subarray(position, position + dataTypeBytes(type));
      position += paddedBytes(type);
      return printField(field, type);
    })
    .join(' . ');
}

function printField(field: Uint8Array, type: DataType): string {
  switch (type) {
    case 'ipv4_addr':
      return field.join('.');
    case 'ipv6_addr':
      return printAddress6(field);
    case 'ether_addr':
      return Array.from(field, (byte) => byte.toString(16).padStart(2, '0')).join(':');
    case 'inet_proto':
      return PROTOCOL_NAME[field[0] ?? 0] ?? String(field[0]);
    case 'ifname':
      return `"${Buffer.from(field).toString('utf8').replace(/\0.*$/s, '')}"`;
    case 'mark':
    case 'ct_state':
    case 'ct_status':
      return `0x${numberIn(field, type).toString(16).padStart(8, '0')}`;
    default:
      return field.length <= 6 ? String(numberIn(field, type)) : toHex(field);
  }
}

function numberIn(field: Uint8Array, type: DataType): number {
  const ordered = isLittleEndian(type) ? field.toReversed() : field;
  return ordered.reduce((number, byte) => number * 256 + byte, 0);
}

/** RFC 5952: the longest run of zero groups (two at least, the first of equals) becomes `::`. */
function printAddress6(field: Uint8Array): string {
  const groups = Array.from({ length: 8 }, (_, index) => {
    return (((field[2 * index] ?? 0) << 8) | (field[2 * index + 1] ?? 0)).toString(16);
  });
  const text = groups.join(':');
  const runs = [...text.matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map((match) => match[0]);
  const longest = runs.reduce(
    (best, run) => (run.replace(/^:/, '').length > best.replace(/^:/, '').length ? run : best),
    '',
  );
  if (longest === '') return text;
  const at = text.indexOf(longest);
  return `${text.slice(0, at)}::${text.slice(at + longest.length).replace(/^:/, '')}`;
}
