/** The kernel's numbers for the names used in expressions. */

export const PAYLOAD_BASE = { link: 0, network: 1, transport: 2, inner: 3 } as const;
export type PayloadBase = keyof typeof PAYLOAD_BASE;

/** What an `exthdr` expression looks into. */
export const EXTHDR_OF = { ipv6: 0, ipv4: 2 } as const;
export type ExthdrOf = keyof typeof EXTHDR_OF;

export const META_KEY = {
  length: 0,
  protocol: 1,
  priority: 2,
  mark: 3,
  iif: 4,
  oif: 5,
  iifname: 6,
  oifname: 7,
  iiftype: 8,
  oiftype: 9,
  skuid: 10,
  skgid: 11,
  nftrace: 12,
  nfproto: 15,
  l4proto: 16,
  pkttype: 19,
  cpu: 20,
  iifgroup: 21,
  oifgroup: 22,
  cgroup: 23,
  random: 24,
  iifkind: 26,
  oifkind: 27,
} as const;
export type MetaKey = keyof typeof META_KEY;

export const CT_KEY = {
  state: 0,
  direction: 1,
  status: 2,
  mark: 3,
  expiration: 5,
  l3protocol: 7,
  protocol: 10,
  sourcePort: 11,
  destinationPort: 12,
  labels: 13,
  packets: 14,
  bytes: 15,
  zone: 17,
  sourceAddress4: 19,
  destinationAddress4: 20,
  sourceAddress6: 21,
  destinationAddress6: 22,
  id: 23,
} as const;
export type CtKey = keyof typeof CT_KEY;

export const CT_DIRECTION = { original: 0, reply: 1 } as const;

export const FIB_RESULT = { oif: 1, oifname: 2, type: 3 } as const;
export const FIB_FLAG = { saddr: 1, daddr: 2, mark: 4, iif: 8, oif: 16, present: 32 } as const;
export type FibFlag = keyof typeof FIB_FLAG;

export const COMPARE_OPERATOR = { '==': 0, '!=': 1, '<': 2, '<=': 3, '>': 4, '>=': 5 } as const;
export const NUMGEN_TYPE = { incremental: 0, random: 1 } as const;
export const HASH_TYPE = { jenkins: 0, symmetric: 1 } as const;
export const DYNSET_OPERATION = { add: 0, update: 1, delete: 2 } as const;
export const LIMIT_TYPE = { packets: 0, bytes: 1 } as const;
/** Seconds. */
export const LIMIT_UNIT = { second: 1, minute: 60, hour: 3600, day: 86400, week: 604800 } as const;

/** Kinds of named objects that rules refer to. */
export const OBJECT_TYPE = { timeout: 7 } as const;
export type ObjectType = keyof typeof OBJECT_TYPE;

/** States of a TCP connection that have a time, by the attribute that has it. */
export const TCP_STATE = {
  'syn-sent': 1,
  'syn-received': 2,
  established: 3,
  'fin-wait': 4,
  'close-wait': 5,
  'last-ack': 6,
  'time-wait': 7,
  close: 8,
} as const;
export type TcpState = keyof typeof TCP_STATE;

export const NAT_TYPE = { snat: 0, dnat: 1 } as const;
export const NAT_FAMILY = { ip: 2, ip6: 10 } as const;
export const NAT_FLAG = { random: 4, persistent: 8, 'fully-random': 16 } as const;
export type NatFlag = keyof typeof NAT_FLAG;

/** `icmp` and `icmpv6` are one type to the kernel, told apart by the table's family. */
export const REJECT_TYPE = { icmp: 0, icmpv6: 0, 'tcp-reset': 1, icmpx: 2 } as const;
export type IcmpCode = 'port-unreachable' | 'host-unreachable' | 'admin-prohibited' | 'no-route';
export const REJECT_CODE = {
  icmp: { 'no-route': 0, 'host-unreachable': 1, 'port-unreachable': 3, 'admin-prohibited': 13 },
  icmpv6: { 'no-route': 0, 'admin-prohibited': 1, 'host-unreachable': 3, 'port-unreachable': 4 },
  icmpx: { 'no-route': 0, 'port-unreachable': 1, 'host-unreachable': 2, 'admin-prohibited': 3 },
} as const satisfies Record<string, Record<IcmpCode, number>>;

/** The name that stands for `number` in a table of names; undefined if none does. */
export function nameOf<Name extends string>(
  table: Readonly<Record<Name, number>>,
  number: number | undefined,
): Name | undefined {
  for (const name in table) if (table[name] === number) return name;
  return undefined;
}

/** The names whose bits are set in `flags`, in the table's order. */
export function namesOfFlags<Name extends string>(
  table: Readonly<Record<Name, number>>,
  flags: number,
): readonly Name[] {
  return (Object.keys(table) as Name[]).filter((name) => (flags & table[name]) !== 0);
}

/** The bits of the names. */
export function flagsOf<Name extends string>(
  table: Readonly<Record<Name, number>>,
  names: readonly Name[],
): number {
  return names.reduce((flags, name) => flags | table[name], 0);
}
