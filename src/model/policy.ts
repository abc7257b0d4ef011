/**
 * What NetworkPolicy and ClusterNetworkPolicy say, in one vocabulary. Parts that could not be understood are replaced
 * by the parser with what is closed (`nobody`, `no-port`, a Deny of everything), so that nothing after it has to know.
 */
import type { Prefix } from './address.ts';
import type { Protocol } from './names.ts';

/** The label by which selectors name a namespace; the API server sets it on every one (C6). */
export const NAMESPACE_NAME_LABEL = 'kubernetes.io/metadata.name';

/** One condition on one label. As in Kubernetes, `NotIn` also matches objects without the label. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  /** Sorted, without duplicates; empty for Exists and DoesNotExist. */
  readonly values: readonly string[];
}

/** All must hold; empty matches everything. Sorted, so that equal selectors are equal data. */
export type LabelSelector = readonly LabelRequirement[];

/** Pods of namespaces; never those in the host network (C14). */
export interface PodSelection {
  /** The name of one namespace, or the labels of those meant. */
  readonly namespaces: string | LabelSelector;
  readonly pods: LabelSelector;
}

/** All addresses of `cidr` that no `except` contains; each `except` lies strictly inside `cidr`. */
export interface IpBlock {
  readonly cidr: Prefix;
  readonly except: readonly Prefix[];
}

/** `nobody`: a part that could not be understood, or is not supported; kept so that indexes stay those of the manifest. */
export type PolicyPeer =
  | ({ readonly type: 'pods' } & PodSelection)
  | { readonly type: 'nodes'; readonly nodes: LabelSelector }
  | { readonly type: 'networks'; readonly blocks: readonly IpBlock[] }
  | { readonly type: 'nobody' };

/** `no-port`: a part that could not be understood. */
export type PolicyPort =
  /** Both ends included. A protocol without a port is 0 to 65535. */
  | { readonly type: 'range'; readonly protocol: Protocol; readonly first: number; readonly last: number }
  /** Container ports of this name: of the subject for ingress, of each peer for egress. `protocol` null: any. */
  | { readonly type: 'named'; readonly name: string; readonly protocol: Protocol | null }
  | { readonly type: 'no-port' };

export type PolicyAction = 'Accept' | 'Deny' | 'Pass';

export interface PolicyRule {
  /** `''` where it has none; NetworkPolicy rules never have one. */
  readonly name: string;
  readonly action: PolicyAction;
  /** Any of them; empty matches nobody. `everybody` is any address at all. */
  readonly peers: readonly PolicyPeer[] | 'everybody';
  /** Any of them; empty matches nothing. `every` also holds protocols without ports (ICMP, GRE …), ports never do (C22). */
  readonly ports: readonly PolicyPort[] | 'every';
}

/** Whether labels meet every requirement. */
export function selectorMatches(selector: LabelSelector, labels: Readonly<Record<string, string>>): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (operator === 'Exists') return value !== undefined;
    if (operator === 'DoesNotExist') return value === undefined;
    return (value !== undefined && values.includes(value)) === (operator === 'In');
  });
}
