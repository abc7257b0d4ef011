/** Dump answers to tables, chains, rules and sets. */

import { hookNumber } from './command-encoding.ts';
import type { BaseChain, Family, SetSpec } from './commands.ts';
import { expressionsOf } from './expression-encoding.ts';
import { nameOf } from './expression-names.ts';
import type { Expression } from './expressions.ts';
import {
  CHAIN,
  COMMENT_RECORD,
  FAMILY_NUMBER,
  HOOK,
  RULE,
  SET,
  SET_FLAG,
  TABLE,
  VERDICT_NUMBER,
} from './netlink-constants.ts';
import { type Attributes, longOf, type Message, nestedOf, numberOf, textOf } from './netlink-reader.ts';
import { setSpecOf } from './set-spec.ts';
import { commentOf } from './user-data.ts';

export interface ListedTable {
  readonly family: Family;
  readonly table: string;
  readonly handle: number;
  /** Chains, sets and others in it. */
  readonly uses: number;
  /** Packets pass by it. */
  readonly dormant: boolean;
  /** Netlink port id of the only process that may change it, if it has an owner (kernel 5.12). */
  readonly owner?: number;
  readonly comment?: string;
}

export interface ListedChain {
  readonly chain: string;
  readonly base?: BaseChain;
  /** Rules in it plus references to it. */
  readonly uses: number;
  readonly handle: number;
  readonly comment?: string;
}

export interface ListedRule {
  readonly chain: string;
  readonly handle: number;
  /** In order; kinds that have no shape here come as `raw`. */
  readonly expressions: readonly Expression[];
  readonly comment?: string;
}

export interface ListedSet {
  readonly set: string;
  readonly spec: SetSpec;
  readonly handle: number;
  /** Made along with a rule that holds it in braces; has no lasting name. */
  readonly anonymous: boolean;
}

const HOOKS: readonly BaseChain['hook'][] = [
  'prerouting',
  'input',
  'forward',
  'output',
  'postrouting',
  'ingress',
  'egress',
];
const DORMANT = 1;

/** The family of a message; undefined for one that has no name here. */
export function familyOf(message: Message): Family | undefined {
  return nameOf(FAMILY_NUMBER, message.family);
}

/** A table's description. Throws MalformedMessageError. */
export function tableOf(attributes: Attributes, family: Family): ListedTable {
  const owner = numberOf(attributes, TABLE.owner);
  return {
    family,
    table: textOf(attributes, TABLE.name) ?? '',
    handle: longOf(attributes, TABLE.handle) ?? 0,
    uses: numberOf(attributes, TABLE.uses) ?? 0,
    dormant: ((numberOf(attributes, TABLE.flags) ?? 0) & DORMANT) !== 0,
    ...(owner !== undefined && { owner }),
    ...commentOf(attributes, TABLE.userData, COMMENT_RECORD.table),
  };
}

/** A chain's description. Throws MalformedMessageError. */
export function chainOf(attributes: Attributes, family: Family): ListedChain {
  const base = baseChainOf(attributes, family);
  return {
    chain: textOf(attributes, CHAIN.name) ?? '',
    ...(base !== undefined && { base }),
    uses: numberOf(attributes, CHAIN.uses) ?? 0,
    handle: longOf(attributes, CHAIN.handle) ?? 0,
    ...commentOf(attributes, CHAIN.userData, COMMENT_RECORD.chain),
  };
}

function baseChainOf(attributes: Attributes, family: Family): BaseChain | undefined {
  const nest = nestedOf(attributes, CHAIN.hook);
  const type = textOf(attributes, CHAIN.type);
  if (nest === undefined || (type !== 'filter' && type !== 'nat' && type !== 'route')) return undefined;
  const number = numberOf(nest, HOOK.number);
  const hook = HOOKS.find((name) => hookNumber(name, family) === number && isHookOf(name, family));
  if (hook === undefined) return undefined;
  const policy = nameOf(
    { accept: VERDICT_NUMBER.accept, drop: VERDICT_NUMBER.drop },
    numberOf(attributes, CHAIN.policy),
  );
  const device = textOf(nest, HOOK.device);
  return {
    type,
    hook,
    priority: (numberOf(nest, HOOK.priority) ?? 0) | 0,
    ...(policy !== undefined && { policy }),
    ...(device !== undefined && { device }),
  };
}

// Families number their hooks on their own: 0 is prerouting for ip, ingress for netdev and input for arp.
function isHookOf(hook: BaseChain['hook'], family: Family): boolean {
  if (family === 'netdev') return hook === 'ingress' || hook === 'egress';
  if (family === 'arp') return hook === 'input' || hook === 'output';
  return hook !== 'egress';
}

/** A rule. Throws MalformedMessageError. */
export function ruleOf(attributes: Attributes, family: Family): ListedRule {
  return {
    chain: textOf(attributes, RULE.chain) ?? '',
    handle: longOf(attributes, RULE.handle) ?? 0,
    expressions: expressionsOf(attributes, RULE.expressions, family),
    ...commentOf(attributes, RULE.userData, COMMENT_RECORD.rule),
  };
}

/** A set's description. Throws MalformedMessageError. */
export function setOf(attributes: Attributes): ListedSet {
  return {
    set: textOf(attributes, SET.name) ?? '',
    spec: setSpecOf(attributes),
    handle: longOf(attributes, SET.handle) ?? 0,
    anonymous: ((numberOf(attributes, SET.flags) ?? 0) & SET_FLAG.anonymous) !== 0,
  };
}
