/**
 * One copy of texts that many objects repeat: namespaces, node names, zones, labels. A hundred thousand endpoints name
 * the same few nodes, and a parser makes a new string for each mention.
 */
import type { Labels } from '../model/objects.ts';

/** More are forgotten and begun anew, so that what never comes again is not kept for ever. */
const MOST = 4096;

const texts = new Map<string, string>();
const labelSets = new Map<string, Labels>();

/** The same text; of equal ones that come soon after each other, the same copy. */
export function sharedText<Text extends string>(text: Text): Text {
  return shared(texts, text, () => text) as Text;
}

/** Equal labels; of those that come soon after each other, the same object, as for the pods of one ReplicaSet. */
export function sharedLabels(entries: readonly (readonly [string, string])[]): Labels {
  return shared(labelSets, JSON.stringify(entries), () =>
    Object.fromEntries(entries.map(([name, value]) => [name, sharedText(value)])),
  );
}

function shared<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const found = known.get(key);
  if (found !== undefined) return found;
  if (known.size === MOST) known.clear();
  const made = make();
  known.set(key, made);
  return made;
}
