/** Reading and writing of Kubernetes JSON that is not trusted to have any shape. */
import type { Meta } from '../model/objects.ts';

/** Kubernetes JSON of one object, or of a part of it. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Without fields that are null or empty text: to the API server these are not given, so defaults apply. */
export function given(fields: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => value !== null && value !== undefined && value !== ''),
  );
}

/** The value where it is an object, else none of its fields. */
export function fieldsOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {};
}

/** The value where it is a list, else none of its items. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function isEmpty(record: JsonObject): boolean {
  return Object.keys(record).length === 0;
}

/** The object's metadata over those of its manifest. */
export function metadataOf({ namespace, name, labels, annotations }: Meta, raw: JsonObject): JsonObject {
  return {
    ...fieldsOf(raw.metadata),
    name,
    ...(namespace === '' ? {} : { namespace }),
    ...(isEmpty(labels) ? {} : { labels }),
    ...(isEmpty(annotations) ? {} : { annotations }),
  };
}
