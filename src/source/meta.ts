/** metadata, the part that all kinds share. */
import type { Labels, Meta } from '../model/objects.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  readText,
  readTextMap,
  refuse,
  reject,
  shown,
} from './field.ts';
import { isLabelValue, isQualifiedName, readDnsLabel, readDnsSubdomain } from './name-syntax.ts';
import { sharedData, sharedText } from './shared-values.ts';

export type Scope = 'cluster' | 'namespaced';
/** Names and values together. */
const MOST_ANNOTATION_BYTES = 256 * 1024;

export type NameSyntax = 'label' | 'subdomain';

/** Reads metadata. Namespaced kinds get the namespace `default` where none is given, as kubectl does. */
export function readMeta(root: Field, scope: Scope, syntax: NameSyntax): Meta {
  const metadata = childField(root, 'metadata');
  return {
    namespace: scope === 'cluster' ? '' : sharedText(readNamespace(metadata)),
    name: readName(metadata, syntax),
    uid: readText(childField(metadata, 'uid')) ?? '',
    labels: readLabels(childField(metadata, 'labels')),
    annotations: readAnnotations(childField(metadata, 'annotations')),
    createdAtMs: readTime(childField(metadata, 'creationTimestamp')),
    deleting: isPresent(childField(metadata, 'deletionTimestamp')),
  };
}

/** Annotations, their names and size checked as the API server does. */
function readAnnotations(field: Field): Labels {
  const annotations = readTextMap(field);
  let bytes = 0;
  for (const [name, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
    if (!isQualifiedName(name.toLowerCase())) rejectName(childField(field, name), name);
  }
  if (bytes > MOST_ANNOTATION_BYTES) {
    const message = `${bytes} bytes are more than annotations may have`;
    reject(field, 'TooLong', message, `keep them below ${MOST_ANNOTATION_BYTES} bytes in all`);
  }
  return annotations;
}

function rejectName(field: Field, name: string): void {
  const remedy = 'use a name such as app or example.com/app, the name of at most 63 characters';
  reject(field, 'InvalidLabel', `${shown(name)} is not a name of labels and annotations`, remedy);
}

/** Labels, each name and value checked as the API server does. */
export function readLabels(field: Field): Labels {
  const labels = readTextMap(field);
  for (const [name, value] of Object.entries(labels)) {
    if (!isQualifiedName(name)) rejectName(childField(field, name), name);
    if (isLabelValue(value)) continue;
    const remedy = 'use at most 63 letters, digits, "-", "_" and ".", with a letter or digit at both ends';
    refuse(childField(field, name), 'InvalidLabel', `${shown(value)} is not a label value`, remedy);
  }
  return sharedData(labels);
}

/** metadata.name and metadata.namespace of anything, without judging them; undefined where they are not text. */
export function peekIdentity(root: Field): { readonly namespace: string | undefined; readonly name: string } {
  const silent: Field = { ...root, findings: [] };
  return {
    namespace: readText(fieldAt(silent, 'metadata', 'namespace')),
    name: readText(fieldAt(silent, 'metadata', 'name')) ?? '',
  };
}

function readNamespace(metadata: Field): string {
  const field = childField(metadata, 'namespace');
  return field.value === '' ? 'default' : (readDnsLabel(field) ?? 'default');
}

function readName(metadata: Field, syntax: NameSyntax): string {
  const field = childField(metadata, 'name');
  if (field.value === undefined || field.value === '') {
    const generated = isPresent(childField(metadata, 'generateName'));
    const remedy = generated ? 'generateName is not supported here: set metadata.name' : 'set metadata.name';
    refuse(field, 'MissingName', 'the object has no name', remedy);
    return '';
  }
  return (syntax === 'label' ? readDnsLabel(field) : readDnsSubdomain(field)) ?? '';
}

/** A time in milliseconds since the epoch; null where the field is absent or refused. */
export function readTime(field: Field): number | null {
  const text = readText(field);
  if (text === undefined) return null;
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  refuse(field, 'InvalidTime', `${shown(text)} is not a time`, 'use RFC 3339, such as 2026-01-31T12:00:00Z');
  return null;
}
