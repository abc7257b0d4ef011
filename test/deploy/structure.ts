/** Objects of Kubernetes' API held against the types of its client: fields that do not exist, values of another type. */
import * as client from '@kubernetes/client-node';

interface Attribute {
  readonly baseName: string;
  readonly type: string;
}

const PRIMITIVES: Readonly<Record<string, (value: unknown) => boolean>> = {
  string: (value) => typeof value === 'string',
  number: (value) => typeof value === 'number',
  boolean: (value) => typeof value === 'boolean',
  IntOrString: (value) => typeof value === 'string' || Number.isInteger(value),
  any: () => true,
};

/** What is wrong with `value` as an object of this type (`V1DaemonSet`, `Array<string>`), a line each; empty: nothing. */
export function structureErrors(type: string, value: unknown, path: string): readonly string[] {
  const isRight = PRIMITIVES[type];
  if (isRight !== undefined) return isRight(value) ? [] : [`${path}: no ${type}`];
  const [, element] = /^Array<(.*)>$/.exec(type) ?? [];
  if (element !== undefined) {
    if (!Array.isArray(value)) return [`${path}: no list`];
    return value.flatMap((each, index) => structureErrors(element, each, `${path}[${index}]`));
  }
  if (typeof value !== 'object' || value === null) return [`${path}: no object`];
  const [, member] = /^\{ \[key: string\]: (.*); \}$/.exec(type) ?? [];
  const types = member === undefined ? attributesOf(type) : null;
  return Object.entries(value).flatMap(([name, field]) => {
    const fieldType = types === null ? member : types.get(name);
    if (fieldType === undefined) return [`${path}.${name}: no such field of ${type}`];
    return structureErrors(fieldType, field, `${path}.${name}`);
  });
}

function attributesOf(type: string): ReadonlyMap<string, string> {
  const model: { getAttributeTypeMap?: () => readonly Attribute[] } = Reflect.get(client, type) ?? {};
  if (model.getAttributeTypeMap === undefined) throw new Error(`${type}: no type of the client's`);
  return new Map(model.getAttributeTypeMap().map((attribute) => [attribute.baseName, attribute.type]));
}
