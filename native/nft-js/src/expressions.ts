/**
 * The expressions rules are made of, as plain data. Registers are numbers 0 to 15 of 4 bytes each; a longer value
 * takes the following ones too. Made by the constructors in `expr`; bytes are kept as binary strings.
 */
import type { Verdict } from './commands.ts';
import type {
  CtKey,
  ExthdrOf,
  FibFlag,
  IcmpCode,
  MetaKey,
  NatFlag,
  ObjectType,
  PayloadBase,
} from './expression-names.ts';

/** Loads `length` bytes at `offset` of a header. */
export interface PayloadExpression {
  readonly kind: 'payload';
  readonly base: PayloadBase;
  readonly offset: number;
  readonly length: number;
  readonly register: number;
}

/** Loads `length` bytes at `offset` of an IPv6 extension header or IPv4 option; ends the rule where there is none. */
export interface ExthdrExpression {
  readonly kind: 'exthdr';
  readonly of: ExthdrOf;
  /** Number of the header or option. */
  readonly type: number;
  readonly offset: number;
  readonly length: number;
  /** Loads one byte instead: 1 if it is there, else 0. */
  readonly present?: boolean;
  readonly register: number;
}

/** Loads a fact about the packet. */
export interface MetaExpression {
  readonly kind: 'meta';
  readonly key: MetaKey;
  readonly register: number;
}

/** Sets a fact of the packet, such as its mark, from a register. */
export interface MetaSetExpression {
  readonly kind: 'metaSet';
  readonly key: MetaKey;
  readonly source: number;
}

/** Loads a constant. */
export interface ImmediateExpression {
  readonly kind: 'immediate';
  readonly register: number;
  readonly bytes: string;
}

/** Ends the rule with a verdict. */
export interface VerdictExpression {
  readonly kind: 'verdict';
  readonly verdict: Verdict;
}

/** Ends the rule unless the register compares so, bytewise. */
export interface CompareExpression {
  readonly kind: 'compare';
  readonly register: number;
  readonly operator: '==' | '!=' | '<' | '<=' | '>' | '>=';
  readonly bytes: string;
}

/** destination = (source & mask) ^ xor, `length` bytes. */
export interface BitwiseExpression {
  readonly kind: 'bitwise';
  readonly source: number;
  readonly destination: number;
  readonly length: number;
  readonly mask: string;
  readonly xor: string;
}

/** Looks a key up; ends the rule on a miss (on a hit if inverted). Maps put their data into `destination`. */
export interface LookupExpression {
  readonly kind: 'lookup';
  readonly set: string;
  readonly source: number;
  readonly destination?: number | 'verdict';
  readonly invert?: boolean;
}

/** Loads a fact about the connection; addresses and ports need a direction. */
export interface CtExpression {
  readonly kind: 'ct';
  readonly key: CtKey;
  readonly direction?: 'original' | 'reply';
  readonly register: number;
}

/** Asks the routing table. */
export interface FibExpression {
  readonly kind: 'fib';
  readonly result: 'type' | 'oif' | 'oifname';
  readonly flags: readonly FibFlag[];
  readonly register: number;
}

/** A number below `modulus`, plus `offset`: random, or counting up. In host order. */
export interface NumgenExpression {
  readonly kind: 'numgen';
  readonly type: 'random' | 'incremental';
  readonly modulus: number;
  readonly offset: number;
  readonly register: number;
}

/** A hash below `modulus`, plus `offset`: of a register (jenkins) or of the connection (symmetric). In host order. */
export interface HashExpression {
  readonly kind: 'hash';
  readonly type: 'jenkins' | 'symmetric';
  readonly source?: number;
  readonly length?: number;
  readonly modulus: number;
  /** Without one the kernel takes a random seed. */
  readonly seed?: number;
  readonly offset: number;
  readonly register: number;
}

/** Translates the source or destination to what the registers hold. */
export interface NatExpression {
  readonly kind: 'nat';
  readonly type: 'snat' | 'dnat';
  readonly family: 'ip' | 'ip6';
  readonly addressMin?: number;
  readonly addressMax?: number;
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags?: readonly NatFlag[];
}

/** Translates the source to the address of the outgoing interface. */
export interface MasqueradeExpression {
  readonly kind: 'masquerade';
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags?: readonly NatFlag[];
}

/** Translates the destination to this host. */
export interface RedirectExpression {
  readonly kind: 'redirect';
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags?: readonly NatFlag[];
}

/** Drops the packet and tells its sender. `icmp` and `icmpv6` are for tables of that family, `icmpx` for inet. */
export interface RejectExpression {
  readonly kind: 'reject';
  readonly type: 'tcp-reset' | 'icmp' | 'icmpv6' | 'icmpx';
  readonly code?: IcmpCode;
}

/** Adds, renews or deletes an element of a set or map from the packet path. */
export interface DynsetExpression {
  readonly kind: 'dynset';
  readonly set: string;
  readonly operation: 'add' | 'update' | 'delete';
  readonly key: number;
  readonly data?: number;
  readonly timeoutMs?: number;
}

/** Counts packets and bytes. */
export interface CounterExpression {
  readonly kind: 'counter';
  readonly packets: number;
  readonly bytes: number;
}

/** Ends the rule when more (with `over`: when less) than the rate comes. */
export interface LimitExpression {
  readonly kind: 'limit';
  readonly type: 'packets' | 'bytes';
  readonly rate: number;
  readonly unit: 'second' | 'minute' | 'hour' | 'day' | 'week';
  readonly burst: number;
  readonly over?: boolean;
}

/** Ends the rule when more (with `over`: when less) than `count` connections are open. */
export interface ConnlimitExpression {
  readonly kind: 'connlimit';
  readonly count: number;
  readonly over?: boolean;
}

/** Ends the rule when more (with `over`: when less) than so many bytes have passed. */
export interface QuotaExpression {
  readonly kind: 'quota';
  readonly bytes: number;
  readonly over?: boolean;
}

/** Logs the packet: to an nflog group, or without one to the kernel log. */
export interface LogExpression {
  readonly kind: 'log';
  readonly group?: number;
  readonly prefix?: string;
  /** Bytes of the packet to copy to the group. */
  readonly snaplen?: number;
}

/** Exempts the packet from connection tracking. */
export interface NotrackExpression {
  readonly kind: 'notrack';
}

/** Uses a named object of the table; a timeout gives a new connection its times. */
export interface ObjrefExpression {
  readonly kind: 'objref';
  readonly type: ObjectType;
  readonly name: string;
}

/** An expression that has no shape here, with the bytes of its attributes. */
export interface RawExpression {
  readonly kind: 'raw';
  readonly name: string;
  readonly attributes: string;
}

export type Expression =
  | PayloadExpression
  | ExthdrExpression
  | MetaExpression
  | MetaSetExpression
  | ImmediateExpression
  | VerdictExpression
  | CompareExpression
  | BitwiseExpression
  | LookupExpression
  | CtExpression
  | FibExpression
  | NumgenExpression
  | HashExpression
  | NatExpression
  | MasqueradeExpression
  | RedirectExpression
  | RejectExpression
  | DynsetExpression
  | CounterExpression
  | LimitExpression
  | ConnlimitExpression
  | QuotaExpression
  | LogExpression
  | NotrackExpression
  | ObjrefExpression
  | RawExpression;
