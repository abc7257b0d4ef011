/** core/v1 Namespace. */
import type { NamespaceObject } from '../model/objects.ts';
import type { Field } from './field.ts';
import { readMeta } from './meta.ts';

/** Findings say what is wrong; the result holds only where none is an error. */
export function readNamespaceObject(root: Field): NamespaceObject {
  return { kind: 'Namespace', ...readMeta(root, 'cluster', 'label') };
}
