/**
 * One copy of what many objects repeat: namespaces, node names, zones, labels, ports. A hundred thousand endpoints name the
 * same few nodes, and a parser makes a new string for each mention.
 */

/** More are forgotten and begun anew, so that what never comes again is not kept for ever. */
const MOST = 4096;

const texts = new Map<string, string>();
const values = new Map<string, object>();

/** The same text; of equal ones that come soon after each other, the same copy. */
export function sharedText<Text extends string>(text: Text): Text {
  return shared(texts, text, text) as Text;
}

/** Equal small data; of what comes soon after each other, the same object, as the labels of one ReplicaSet's pods. */
export function sharedData<Value extends object>(value: Value): Value {
  return shared(values, JSON.stringify(value), value) as Value;
}

function shared<Value>(known: Map<string, Value>, key: string, value: Value): Value {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size === MOST) known.clear();
  known.set(key, value);
  return value;
}
