/**
 * Rows of network policy: what compiling the policies of one node produces and both backends install. A packet of pod S
 * is judged twice: leaving S by S's policy class with the peer class of its destination (egress), reaching S by the peer
 * class of its source (ingress). Each time at most two look-ups: the peer's class, then (only when that finds nothing)
 * the row for any peer. The longest port prefix wins within one look-up, whatever its verdict. Tiers, priorities, Pass
 * and audit are resolved in the rows already. Names are content keys: the same whatever came first, and the same after
 * a restart; a backend gives them numbers.
 */
import type { Address, Prefix } from './address.ts';
import type { ObjectName, Protocol } from './names.ts';
import type { PolicyAction } from './policy.ts';

declare const brand: unique symbol;
type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Addresses that the same selectors, blocks and port names match. */
export type PeerClassName = Brand<string, 'PeerClassName'>;
/** Local pods that the same policies select, alike in the ports those name. */
export type PolicyClassName = Brand<string, 'PolicyClassName'>;
/** One peer and port of one rule, a default deny, or `not-selected`. */
export type RuleName = Brand<string, 'RuleName'>;
export type Direction = 'ingress' | 'egress';
export const DIRECTIONS: readonly Direction[] = ['ingress', 'egress'];

/** The class of a prefix: the longest that contains an address counts. What no row contains is of no class (null). */
export interface PeerRow {
  /** A pod's or node's address (/32, /128), or a network that policies name. */
  readonly prefix: Prefix;
  /** null: of no class, inside a prefix that has one (an `except`). */
  readonly peerClass: PeerClassName | null;
}

/** A local pod that at least one policy selects; all others are open and have no row. */
export interface SubjectRow {
  readonly pod: ObjectName;
  /** Empty: none assigned yet; the pod is to be closed before it has one. */
  readonly addresses: readonly Address[];
  readonly policyClass: PolicyClassName;
}

export interface VerdictRow {
  readonly direction: Direction;
  /** null: any peer; looked up second, when the look-up by the peer's class finds nothing. */
  readonly peerClass: PeerClassName | null;
  /** null: every protocol, those without ports included; then `bits` is 0. */
  readonly protocol: Protocol | null;
  /** The first `bits` (0–16) bits of the destination port; the bits after them are 0 here. */
  readonly port: number;
  readonly bits: number;
  readonly verdict: 'allow' | 'deny';
  readonly rule: RuleName;
  /** What would deny if the audited policies were enforced too; null where they would not change the verdict to deny. */
  readonly auditRule: RuleName | null;
}

/**
 * `verdicts` holds for each direction a row for any peer, every protocol: a look-up always ends. Sorted by direction,
 * peer class (any first), protocol and port; no two have the same key.
 */
export interface PolicyClassRows {
  readonly name: PolicyClassName;
  readonly verdicts: readonly VerdictRow[];
}

export interface PolicyReference {
  readonly kind: 'NetworkPolicy' | 'ClusterNetworkPolicy';
  /** `''` for ClusterNetworkPolicy. */
  readonly namespace: string;
  readonly name: string;
}

export type PolicyTier = 'Admin' | 'NetworkPolicy' | 'Baseline';

/** Where a verdict comes from. */
export type RuleRow =
  | {
      readonly kind: 'rule';
      readonly name: RuleName;
      readonly direction: Direction;
      readonly policy: PolicyReference;
      readonly tier: PolicyTier;
      /** Indexes into the policy's rules, and the rule's peers and ports; null: the rule names none. */
      readonly ruleIndex: number;
      readonly peerIndex: number | null;
      readonly portIndex: number | null;
      /** `''` where the rule has no name. */
      readonly ruleName: string;
      readonly action: PolicyAction;
    }
  | {
      readonly kind: 'default-deny';
      readonly name: RuleName;
      readonly direction: Direction;
      /** All NetworkPolicies that isolate the pods of the class, by namespace and name. */
      readonly policies: readonly PolicyReference[];
    }
  /** No policy says anything: allowed, as Kubernetes has it. */
  | { readonly kind: 'not-selected'; readonly name: RuleName; readonly direction: Direction };

/** All policy rows of a node. Every name that a row uses is in `classes` or `rules`. */
export interface PolicyRows {
  readonly peers: ReadonlyMap<Prefix, PeerRow>;
  readonly subjects: ReadonlyMap<ObjectName, SubjectRow>;
  readonly classes: ReadonlyMap<PolicyClassName, PolicyClassRows>;
  readonly rules: ReadonlyMap<RuleName, RuleRow>;
}

/** A change of rows: each entry is the whole new value, or null where it went. */
export interface PolicyRowsChange {
  readonly peers: ReadonlyMap<Prefix, PeerRow | null>;
  readonly subjects: ReadonlyMap<ObjectName, SubjectRow | null>;
  readonly classes: ReadonlyMap<PolicyClassName, PolicyClassRows | null>;
  readonly rules: ReadonlyMap<RuleName, RuleRow | null>;
}
