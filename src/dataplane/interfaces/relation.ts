/** Which of these belong to which of those, found from both sides. */
export interface Relation<Left, Right> {
  add(left: Left, right: Right): void;
  delete(left: Left, right: Right): void;
  /** Everything that belongs to it; stays as it was when the relation changes. */
  rightsOf(left: Left): readonly Right[];
  leftsOf(right: Right): readonly Left[];
  lefts(): readonly Left[];
}

export function createRelation<Left, Right>(): Relation<Left, Right> {
  const rights = new Map<Left, Set<Right>>();
  const lefts = new Map<Right, Set<Left>>();
  return {
    add(left, right) {
      insert(rights, left, right);
      insert(lefts, right, left);
    },
    delete(left, right) {
      remove(rights, left, right);
      remove(lefts, right, left);
    },
    rightsOf: (left) => [...(rights.get(left) ?? [])],
    leftsOf: (right) => [...(lefts.get(right) ?? [])],
    lefts: () => [...rights.keys()],
  };
}

function insert<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  if (set === undefined) sets.set(key, new Set([value]));
  else set.add(value);
}

function remove<Key, Value>(sets: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const set = sets.get(key);
  set?.delete(value);
  if (set?.size === 0) sets.delete(key);
}
