/** Values by prefix, with what lies around and inside each: a binary tree that skips bits nobody differs in. */
import { addressBytes, familyOf, type Prefix, splitPrefix } from '../../model/address.ts';

export interface PrefixTree<Value> {
  get(prefix: Prefix): Value | undefined;
  set(prefix: Prefix, value: Value): void;
  delete(prefix: Prefix): void;
  /** The value of the longest shorter prefix that contains this one. */
  around(prefix: Prefix): Value | undefined;
  /** The values of all longer prefixes inside this one, outer before inner. */
  inside(prefix: Prefix): Iterable<Value>;
}

interface Key {
  readonly bytes: Uint8Array;
  /** Bits. */
  readonly length: number;
}

interface Node<Value> extends Key {
  /** undefined where the tree only branches. */
  value: Value | undefined;
  readonly below: [Node<Value> | undefined, Node<Value> | undefined];
}

export function createPrefixTree<Value>(): PrefixTree<Value> {
  const values = new Map<Prefix, Value>();
  const roots: Record<'IPv4' | 'IPv6', Node<Value> | undefined> = { IPv4: undefined, IPv6: undefined };
  return {
    get: (prefix) => values.get(prefix),
    set(prefix, value) {
      values.set(prefix, value);
      const family = familyOf(prefix);
      roots[family] = inserted(roots[family], keyOf(prefix), value);
    },
    delete(prefix) {
      if (!values.delete(prefix)) return;
      const family = familyOf(prefix);
      roots[family] = removed(roots[family], keyOf(prefix));
    },
    around(prefix) {
      const key = keyOf(prefix);
      let found: Value | undefined;
      let node = roots[familyOf(prefix)];
      while (node !== undefined && node.length < key.length && sharedBits(node, key) === node.length) {
        found = node.value ?? found;
        node = node.below[bitAt(key, node.length)];
      }
      return found;
    },
    *inside(prefix) {
      const key = keyOf(prefix);
      let node = roots[familyOf(prefix)];
      while (node !== undefined && node.length < key.length) node = node.below[bitAt(key, node.length)];
      if (node === undefined || sharedBits(node, key) < key.length) return;
      if (node.length > key.length && node.value !== undefined) yield node.value;
      yield* valuesBelow(node);
    },
  };
}

function keyOf(prefix: Prefix): Key {
  const { address, length } = splitPrefix(prefix);
  return { bytes: addressBytes(address), length };
}

function bitAt({ bytes }: Key, index: number): 0 | 1 {
  return (((bytes[index >> 3] ?? 0) >> (7 - (index & 7))) & 1) === 1 ? 1 : 0;
}

/** How many leading bits both have in common. */
function sharedBits(a: Key, b: Key): number {
  const most = Math.min(a.length, b.length);
  for (let index = 0; index << 3 < most; index++) {
    const difference = (a.bytes[index] ?? 0) ^ (b.bytes[index] ?? 0);
    // clz32 counts from the highest of 32 bits; a byte's is the 24th.
    if (difference !== 0) return Math.min(most, (index << 3) + Math.clz32(difference) - 24);
  }
  return most;
}

function inserted<Value>(node: Node<Value> | undefined, key: Key, value: Value): Node<Value> {
  if (node === undefined) return { ...key, value, below: [undefined, undefined] };
  const shared = sharedBits(node, key);
  if (shared === node.length && shared === key.length) {
    node.value = value;
    return node;
  }
  if (shared === node.length) {
    const side = bitAt(key, shared);
    node.below[side] = inserted(node.below[side], key, value);
    return node;
  }
  const branch: Node<Value> = {
    bytes: key.bytes,
    length: shared,
    value: shared === key.length ? value : undefined,
    below: [undefined, undefined],
  };
  branch.below[bitAt(node, shared)] = node;
  if (shared < key.length) branch.below[bitAt(key, shared)] = inserted(undefined, key, value);
  return branch;
}

/** The tree without the key, which is in it; nodes that neither hold nor branch go too. */
function removed<Value>(node: Node<Value> | undefined, key: Key): Node<Value> | undefined {
  if (node === undefined) return undefined;
  if (node.length === key.length) node.value = undefined;
  else {
    const side = bitAt(key, node.length);
    node.below[side] = removed(node.below[side], key);
  }
  if (node.value !== undefined) return node;
  const [zero, one] = node.below;
  return zero === undefined ? one : one === undefined ? zero : node;
}

function* valuesBelow<Value>(node: Node<Value>): Iterable<Value> {
  for (const child of node.below) {
    if (child === undefined) continue;
    if (child.value !== undefined) yield child.value;
    yield* valuesBelow(child);
  }
}
