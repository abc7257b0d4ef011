/** What both kinds of policies have: lists that fail closed, ports, the audit annotation. */
import type { PolicyPeer, PolicyPort } from '../model/policy.ts';
import {
  childField,
  type Field,
  fieldAt,
  isPresent,
  type Part,
  readPart,
  readPartItems,
  refuse,
  shown,
  warn,
} from './field.ts';

const AUDIT_ANNOTATION = 'weir.dev/audit';

/** Whether the policy is audited only; an unknown value is told and means that it is enforced. */
export function readAudit(root: Field): boolean {
  const field = childField(fieldAt(root, 'metadata', 'annotations'), AUDIT_ANNOTATION);
  if (field.value === 'true') return true;
  if (field.value !== undefined && field.value !== 'false')
    warn(
      field,
      'InvalidAnnotation',
      `${shown(field.value)} is neither "true" nor "false": the policy is enforced`,
      'use "true" to let pass what the policy would deny, or remove the annotation',
    );
  return false;
}

/** A list of peers; each that can't be understood is nobody. `bad` where there is one. */
export function readPeers(
  field: Field,
  readPeer: (item: Field) => PolicyPeer | undefined,
): Part<PolicyPeer[]> {
  return readParts(field, readPeer, { type: 'nobody' });
}

/** A list of ports; each that can't be understood is none. `bad` where there is one. */
export function readPorts(
  field: Field,
  readPort: (item: Field) => PolicyPort | undefined,
): Part<PolicyPort[]> {
  return readParts(field, readPort, { type: 'no-port' });
}

function readParts<Value>(
  field: Field,
  readItem: (item: Field) => Value | undefined,
  closed: Value,
): Part<Value[]> {
  const items = readPartItems(field);
  const parts = items.value.map((item) => readPart(item, readItem));
  const values = parts.map(({ value, bad }) => (bad || value === undefined ? closed : value));
  return {
    value: items.bad ? [closed] : values,
    bad: items.bad || parts.some(({ bad }) => bad),
  };
}

/** A field of which there must be one, with its name. */
export interface OnlyField<Name extends string> {
  readonly name: Name;
  readonly field: Field;
}

/** The one of these fields that is there; refuses none and several. */
export function onlyField<const Name extends string>(
  field: Field,
  names: readonly Name[],
): OnlyField<Name> | undefined {
  const present = names.flatMap((name) => {
    const child = childField(field, name);
    return isPresent(child) ? [{ name, field: child }] : [];
  });
  if (present.length === 1) return present[0];
  const remedy = `use exactly one of ${names.join(', ')}`;
  if (present.length === 0)
    return refuse(field, 'MissingValue', `${shown(field.value ?? {})} holds nothing that Weir knows`, remedy);
  const found = present.map(({ name }) => name).join(' and ');
  return refuse(field, 'InvalidValue', `${found} can't stand together`, remedy);
}
