/** Constructors of expressions: fill in what the kernel would and keep bytes as binary strings. */
import { type Bytes, toBinary } from './bytes.ts';
import type { Verdict } from './commands.ts';
import { FIB_FLAG, flagsOf, NAT_FLAG, type NatFlag, namesOfFlags } from './expression-names.ts';
import type * as E from './expressions.ts';

type Arguments<Shape> = Omit<Shape, 'kind'>;
type PortRange = {
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags?: readonly NatFlag[];
};

/** Packets the kernel lets through at once when a limit names no burst. */
const DEFAULT_BURST = 5;

/** Loads bytes of a packet header. */
export function payload(options: Arguments<E.PayloadExpression>): E.PayloadExpression {
  return { kind: 'payload', ...options };
}

/** Loads bytes of an IPv6 extension header or IPv4 option, or whether it is there. */
export function exthdr(options: Arguments<E.ExthdrExpression>): E.ExthdrExpression {
  const { present, ...rest } = options;
  return { kind: 'exthdr', ...rest, ...(present === true && { present }) };
}

/** Loads a fact about the packet. */
export function meta(options: Arguments<E.MetaExpression>): E.MetaExpression {
  return { kind: 'meta', ...options };
}

/** Sets a fact of the packet (mark, priority, nftrace ...). */
export function metaSet(options: Arguments<E.MetaSetExpression>): E.MetaSetExpression {
  return { kind: 'metaSet', ...options };
}

/** Loads a constant. */
export function immediate(options: {
  readonly register: number;
  readonly bytes: Bytes;
}): E.ImmediateExpression {
  return { kind: 'immediate', register: options.register, bytes: toBinary(options.bytes) };
}

/** Ends the rule with a verdict. */
export function verdict(value: Verdict): E.VerdictExpression {
  return { kind: 'verdict', verdict: value };
}

/** Goes on only if the register compares so with the bytes. */
export function compare(options: {
  readonly register: number;
  readonly operator: E.CompareExpression['operator'];
  readonly bytes: Bytes;
}): E.CompareExpression {
  return { kind: 'compare', ...options, bytes: toBinary(options.bytes) };
}

/** destination = (source & mask) ^ xor. */
export function bitwise(
  options: Omit<Arguments<E.BitwiseExpression>, 'mask' | 'xor'> & {
    readonly mask: Bytes;
    readonly xor: Bytes;
  },
): E.BitwiseExpression {
  return { kind: 'bitwise', ...options, mask: toBinary(options.mask), xor: toBinary(options.xor) };
}

/** Looks a register up in a set or map. */
export function lookup(options: Arguments<E.LookupExpression>): E.LookupExpression {
  const { invert, ...rest } = options;
  return { kind: 'lookup', ...rest, ...(invert === true && { invert }) };
}

/** Loads a fact about the connection. */
export function ct(options: Arguments<E.CtExpression>): E.CtExpression {
  const { direction, ...rest } = options;
  // The protocol is that of both directions, and the kernel forgets which one was named.
  return { kind: 'ct', ...rest, ...(direction !== undefined && options.key !== 'protocol' && { direction }) };
}

/** Asks the routing table. */
export function fib(options: Arguments<E.FibExpression>): E.FibExpression {
  return { kind: 'fib', ...options, flags: namesOfFlags(FIB_FLAG, flagsOf(FIB_FLAG, options.flags)) };
}

/** Generates a number below the modulus. */
export function numgen(
  options: Omit<Arguments<E.NumgenExpression>, 'offset'> & { readonly offset?: number },
): E.NumgenExpression {
  return { kind: 'numgen', ...options, offset: options.offset ?? 0 };
}

/** Hashes to a number below the modulus. Jenkins needs `source` and `length`. */
export function hash(
  options: Omit<Arguments<E.HashExpression>, 'offset'> & { readonly offset?: number },
): E.HashExpression {
  return { kind: 'hash', ...options, offset: options.offset ?? 0 };
}

/** Translates an address; the registers hold address and port. */
export function nat(options: Arguments<E.NatExpression>): E.NatExpression {
  const { addressMin, addressMax, type, family, ...ports } = options;
  return {
    kind: 'nat',
    type,
    family,
    ...(addressMin !== undefined && { addressMin }),
    ...(addressMax !== undefined && addressMax !== addressMin && { addressMax }),
    ...portRange(ports),
  };
}

/** Translates the source to the outgoing interface's address. */
export function masquerade(options: PortRange = {}): E.MasqueradeExpression {
  return { kind: 'masquerade', ...portRange(options) };
}

/** Translates the destination to this host. */
export function redirect(options: PortRange = {}): E.RedirectExpression {
  return { kind: 'redirect', ...portRange(options) };
}

// The kernel reports a single register as a range of one, and no flags as none.
function portRange(options: PortRange): PortRange {
  const { portMin, portMax } = options;
  const flags = namesOfFlags(NAT_FLAG, flagsOf(NAT_FLAG, options.flags ?? []));
  return {
    ...(portMin !== undefined && { portMin }),
    ...(portMax !== undefined && portMax !== portMin && { portMax }),
    ...(flags.length > 0 && { flags }),
  };
}

/** Drops and tells the sender; the code defaults to port-unreachable. */
export function reject(options: Arguments<E.RejectExpression>): E.RejectExpression {
  if (options.type === 'tcp-reset') return { kind: 'reject', type: options.type };
  return { kind: 'reject', type: options.type, code: options.code ?? 'port-unreachable' };
}

/** Adds, renews or deletes an element from the packet path. */
export function dynset(options: Arguments<E.DynsetExpression>): E.DynsetExpression {
  const { timeoutMs = 0, ...rest } = options;
  return { kind: 'dynset', ...rest, ...(timeoutMs > 0 && { timeoutMs }) };
}

/** Counts packets and bytes, from zero or from the values given. */
export function counter(
  start: { readonly packets?: number; readonly bytes?: number } = {},
): E.CounterExpression {
  return { kind: 'counter', packets: start.packets ?? 0, bytes: start.bytes ?? 0 };
}

/** Goes on only within the rate (with `over`: only beyond it). `burst` is in packets, or bytes for type bytes. */
export function limit(
  options: Omit<Arguments<E.LimitExpression>, 'burst' | 'type'> & {
    readonly burst?: number;
    readonly type?: E.LimitExpression['type'];
  },
): E.LimitExpression {
  const { over, type = 'packets', burst = type === 'packets' ? DEFAULT_BURST : 0, ...rest } = options;
  return { kind: 'limit', ...rest, type, burst, ...(over === true && { over }) };
}

/** Goes on only with at most `count` open connections (with `over`: only with more). */
export function connlimit(options: Arguments<E.ConnlimitExpression>): E.ConnlimitExpression {
  return { kind: 'connlimit', count: options.count, ...(options.over === true && { over: true }) };
}

/** Goes on only until `bytes` have passed (with `over`: only after). */
export function quota(options: Arguments<E.QuotaExpression>): E.QuotaExpression {
  return { kind: 'quota', bytes: options.bytes, ...(options.over === true && { over: true }) };
}

/** Logs the packet. */
export function log(options: Arguments<E.LogExpression> = {}): E.LogExpression {
  return { kind: 'log', ...options };
}

/** Exempts the packet from connection tracking. */
export function notrack(): E.NotrackExpression {
  return { kind: 'notrack' };
}

/** Uses a named object of the table. */
export function objref(options: Arguments<E.ObjrefExpression>): E.ObjrefExpression {
  return { kind: 'objref', ...options };
}

/** Any other expression by its kernel name and attribute bytes. */
export function raw(options: { readonly name: string; readonly attributes: Bytes }): E.RawExpression {
  return { kind: 'raw', name: options.name, attributes: toBinary(options.attributes) };
}
