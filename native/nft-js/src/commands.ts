/** What a transaction can say: tables, chains, rules, sets and elements, as plain data. */
import type { Bytes } from './bytes.ts';
import type { DataType } from './data-types.ts';
import type { TcpState } from './expression-names.ts';
import type { Expression } from './expressions.ts';

export type Family = 'inet' | 'ip' | 'ip6' | 'bridge' | 'netdev' | 'arp';

/** What happens to a packet; jump and goto name a chain of the same table. */
export type Verdict =
  | { readonly code: 'accept' | 'drop' | 'continue' | 'return' }
  | { readonly code: 'jump' | 'goto'; readonly chain: string };

/** One element of a set or map. */
export interface SetElement {
  /** All fields of the key, each padded to 4 bytes if there are several. Empty for the catch-all element. */
  readonly key: Bytes;
  /** Concatenated ranges: the last value of each field's range, inclusive. */
  readonly keyEnd?: Bytes;
  /** Sets of intervals: `key` is the first value after a range. */
  readonly intervalEnd?: boolean;
  /** The default element `*`, which matches what no other one does (kernel 5.13). */
  readonly catchAll?: boolean;
  /** Maps: the value, or the verdict of a verdict map. */
  readonly data?: Bytes | Verdict;
  /** Life time in ms; 0: for ever in a set that has a default. The kernel rounds to its ticks (1 to 10 ms). */
  readonly timeoutMs?: number;
  /** Time left in ms, as read from the kernel; not written. */
  readonly expiresMs?: number;
  /** Text shown by `nft list`, at most 128 bytes. */
  readonly comment?: string;
}

/** How a set or map is made. Sets with `data` are maps. */
export interface SetSpec {
  /** The fields of the key; several make a concatenation. */
  readonly key: readonly DataType[];
  readonly data?: readonly DataType[] | 'verdict';
  /** Elements are ranges: start and `intervalEnd` pairs, or `keyEnd` for concatenations (kernel 5.6). */
  readonly interval?: boolean;
  /** Rules may add elements (`dynset`). */
  readonly dynamic?: boolean;
  /** Elements may have a life time. */
  readonly timeout?: boolean;
  /** Life time in ms of elements that name none. */
  readonly defaultTimeoutMs?: number;
  /** The most elements it may hold. */
  readonly size?: number;
  /** Text shown by `nft list`, at most 128 bytes. */
  readonly comment?: string;
}

/** Makes a chain a base chain: called by the network stack. */
export interface BaseChain {
  readonly type: 'filter' | 'nat' | 'route';
  readonly hook: 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting' | 'ingress' | 'egress';
  /** Chains of lower priority see packets first. */
  readonly priority: number;
  readonly policy?: 'accept' | 'drop';
  /** Interface of an ingress or egress hook. */
  readonly device?: string;
}

interface InTable {
  readonly family: Family;
  readonly table: string;
}

export interface TableCommand extends InTable {
  /** `destroy` is a delete for which a missing table is no error (kernel 6.3). */
  readonly verb: 'add' | 'delete' | 'destroy';
  readonly object: 'table';
  readonly comment?: string;
}

export interface ChainCommand extends InTable {
  /** `flush` deletes all rules of the chain. */
  readonly verb: 'add' | 'delete' | 'flush';
  readonly object: 'chain';
  readonly chain: string;
  readonly base?: BaseChain;
  readonly comment?: string;
}

export interface RuleCommand extends InTable {
  /** `add` puts it last or behind the rule `handle`, `insert` first or before the rule `handle`. */
  readonly verb: 'add' | 'insert' | 'delete';
  readonly object: 'rule';
  readonly chain: string;
  readonly expressions?: readonly Expression[];
  /** Needed for `delete`. */
  readonly handle?: bigint | number;
  readonly comment?: string;
}

export interface SetCommand extends InTable {
  /** `flush` deletes all elements. */
  readonly verb: 'add' | 'delete' | 'flush';
  readonly object: 'set';
  readonly set: string;
  /** Needed for `add`. */
  readonly spec?: SetSpec;
}

export interface ElementsCommand extends InTable {
  readonly verb: 'add' | 'delete';
  readonly object: 'elements';
  readonly set: string;
  readonly elements: readonly SetElement[];
}

/** Seconds that conntrack remembers a TCP connection in states; the kernel's own times for those that are not named. */
export interface TimeoutSpec {
  readonly protocol: 'tcp';
  readonly seconds: Readonly<Partial<Record<TcpState, number>>>;
}

/** Makes times that new connections can be given, by `objref`. One that exists stays as it is. */
export interface TimeoutCommand extends InTable {
  readonly verb: 'add' | 'delete';
  readonly object: 'timeout';
  readonly timeout: string;
  /** Needed for `add`. */
  readonly spec?: TimeoutSpec;
}

export type Command =
  | TableCommand
  | ChainCommand
  | RuleCommand
  | SetCommand
  | ElementsCommand
  | TimeoutCommand;

/** Commands that take effect in their order, all at once or not at all. */
export type Transaction = readonly Command[];
