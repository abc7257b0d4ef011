/** Names and ports: small types that keep one kind of text or number from being used as another. */
declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** `namespace/name` of a namespaced object; just `name` for Node and Namespace. */
export type ObjectName = Brand<string, 'ObjectName'>;
export type NodeName = Brand<string, 'NodeName'>;
/** `Kind/namespace/name`: one object among all kinds (the namespace is empty for Node and Namespace). */
export type ObjectKey = Brand<string, 'ObjectKey'>;
/** 1–65535, host byte order. */
export type Port = Brand<number, 'Port'>;
export type Protocol = 'TCP' | 'UDP' | 'SCTP';
export const PROTOCOLS: readonly Protocol[] = ['TCP', 'UDP', 'SCTP'];
/** As the headers of IP have them. */
export const PROTOCOL_NUMBERS: Readonly<Record<Protocol, number>> = { TCP: 6, UDP: 17, SCTP: 132 };
const PROTOCOL_WORDS: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  58: 'icmpv6',
  132: 'sctp',
};

/** null: one whose ports, if it has any, no rule can name. */
export function protocolFromNumber(number: number): Protocol | null {
  return PROTOCOLS.find((protocol) => PROTOCOL_NUMBERS[protocol] === number) ?? null;
}

/** The name of an IP protocol, for people. */
export function protocolText(number: number): string {
  return PROTOCOL_WORDS[number] ?? `protocol ${number}`;
}

export function objectName(namespace: string, name: string): ObjectName {
  return (namespace === '' ? name : `${namespace}/${name}`) as ObjectName;
}

export function objectKey(kind: string, namespace: string, name: string): ObjectKey {
  return `${kind}/${namespace}/${name}` as ObjectKey;
}

/** The port, or undefined when the value is not an integer from 1 to 65535. */
export function parsePort(value: unknown): Port | undefined {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 65535
    ? (value as Port)
    : undefined;
}

/** Orders text by code unit: the same everywhere, whatever the locale. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
