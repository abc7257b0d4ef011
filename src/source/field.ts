/**
 * Reads unknown JSON field by field. A `Field` is a place in an object: its path, its value and the list of findings
 * that all places of the object share. Readers return undefined for what is absent or refused; they never throw, so
 * that one pass finds everything that is wrong with an object.
 */
import { type Address, type Prefix, parseAddress, parsePrefix } from '../model/address.ts';
import { type Port, parsePort } from '../model/names.ts';
import type { Labels } from '../model/objects.ts';
import { unroutableReason } from '../model/unroutable-address.ts';

/** What is wrong at a field; becomes a Problem once the object is known. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  readonly field: string;
  readonly reason: string;
  readonly message: string;
  readonly remedy: string;
  /** An error of a part that the object goes on without: see readPart. */
  readonly partial?: true;
  /** See reject. */
  readonly rule?: true;
}

export interface Field {
  /** null for the object itself. */
  readonly parent: Field | null;
  /** Name or index below the parent. The path is put together only when there is something to say about it. */
  readonly step: string | number;
  /** undefined where absent; JSON null counts as absent, as in the API server. */
  readonly value: unknown;
  /** Shared by all fields of the object; refuse and warn add to it. */
  readonly findings: Finding[];
}

export function rootField(value: unknown, findings: Finding[]): Field {
  return { parent: null, step: '', value: value ?? undefined, findings };
}

/** Path below the object, e.g. `spec.ports[0].port`; `''` for the object itself. */
export function pathOf({ parent, step }: Field): string {
  if (parent === null) return String(step);
  const above = pathOf(parent);
  if (typeof step === 'number') return `${above}[${step}]`;
  return above === '' ? step : `${above}.${step}`;
}

/** The field `name` below `parent`; refuses the parent when it is something other than an object. */
export function childField(parent: Field, name: string): Field {
  const record = readRecord(parent);
  const value = record !== undefined && Object.hasOwn(record, name) ? record[name] : undefined;
  return { parent, step: name, value: value ?? undefined, findings: parent.findings };
}

/** The field at the end of `names`, each below the one before. */
export function fieldAt(start: Field, ...names: readonly string[]): Field {
  return names.reduce(childField, start);
}

export function isPresent(field: Field): boolean {
  return field.value !== undefined;
}

/**
 * Records that the object (or the part, see readPart) can't be taken as it is. The same field is refused once: the
 * first finding says most.
 */
export function refuse(field: Field, reason: string, message: string, remedy: string): undefined {
  tellOnce({ severity: 'error', field: pathOf(field), reason, message, remedy }, field.findings);
  return undefined;
}

/**
 * Records that the object can be read, but breaks a rule by which API servers refuse what is written to them. One that
 * a server serves is taken all the same, with a warning: whatever it is, it is in effect there.
 */
export function reject(field: Field, reason: string, message: string, remedy: string): void {
  tellOnce({ severity: 'error', field: pathOf(field), reason, message, remedy, rule: true }, field.findings);
}

function tellOnce(finding: Finding, findings: Finding[]): void {
  const known = findings.some(({ severity, field }) => severity === 'error' && field === finding.field);
  if (!known) findings.push(finding);
}

/** Records that the object is taken, but that this field probably does not do what was meant. */
export function warn(field: Field, reason: string, message: string, remedy: string): void {
  field.findings.push({ severity: 'warning', field: pathOf(field), reason, message, remedy });
}

/** What readPart found; `bad` where it refused anything, `value` then holds what could be read. */
export interface Part<Value> {
  readonly value: Value;
  readonly bad: boolean;
}

/**
 * Reads a part that must not cost the whole object when it is wrong: what `read` refuses is told as an error, but the
 * object is taken. The caller says what the object means without that part. Fields made by `read` must not outlive it.
 */
export function readPart<Value>(field: Field, read: (part: Field) => Value): Part<Value> {
  const findings: Finding[] = [];
  const value = read({ ...field, findings });
  const bad = findings.some((found) => found.severity === 'error' && found.partial !== true);
  for (const found of findings)
    field.findings.push(found.severity === 'error' ? { ...found, partial: true } : found);
  return { value, bad };
}

/** The items of a list that must not cost the whole object when it is none: then there are no items. */
export function readPartItems(field: Field): Part<readonly Field[]> {
  const { bad } = readPart(field, readItems);
  return { value: bad ? [] : readItems(field), bad };
}

/** The value for messages: short JSON. */
export function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

export function readRecord(field: Field): Readonly<Record<string, unknown>> | undefined {
  const { value } = field;
  if (value === undefined) return undefined;
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  return refuse(field, 'InvalidType', `${shown(value)} is not an object`, 'write it as a mapping of fields');
}

const NO_ITEMS: readonly Field[] = [];

/** The items of a list; empty when the field is absent or refused. */
export function readItems(field: Field): readonly Field[] {
  if (field.value === undefined) return NO_ITEMS;
  if (!Array.isArray(field.value)) {
    refuse(field, 'InvalidType', `${shown(field.value)} is not a list`, 'write it as a list of items');
    return NO_ITEMS;
  }
  return field.value.map((value: unknown, index) => ({
    parent: field,
    step: index,
    value: value ?? undefined,
    findings: field.findings,
  }));
}

export function readText(field: Field): string | undefined {
  if (field.value === undefined || typeof field.value === 'string') return field.value;
  return refuse(field, 'InvalidType', `${shown(field.value)} is not text`, 'put the value in quotes');
}

export function readBoolean(field: Field, fallback: boolean): boolean {
  if (field.value === undefined) return fallback;
  if (typeof field.value === 'boolean') return field.value;
  refuse(
    field,
    'InvalidType',
    `${shown(field.value)} is neither true nor false`,
    'use true or false, unquoted',
  );
  return fallback;
}

/** An integer from `least` to `most`, both included. */
export function readInteger(field: Field, least: number, most: number): number | undefined {
  const { value } = field;
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const remedy = `use a whole number from ${least} to ${most}, unquoted`;
  return refuse(field, 'InvalidValue', `${shown(value)} is not a number from ${least} to ${most}`, remedy);
}

export function readPort(field: Field): Port | undefined {
  const port = parsePort(field.value);
  if (port !== undefined || field.value === undefined) return port;
  const remedy = 'use a whole number from 1 to 65535, unquoted';
  return refuse(field, 'InvalidPort', `${shown(field.value)} is not a port number`, remedy);
}

/** A port where 0 means "not given", as in the fields that the API server fills. */
export function readOptionalPort(field: Field): Port | null {
  return field.value === 0 ? null : (readPort(field) ?? null);
}

/** One of a closed list of words; an empty string counts as absent. */
export function readChoice<const Choice extends string>(
  field: Field,
  choices: readonly Choice[],
): Choice | undefined {
  if (field.value === undefined || field.value === '') return undefined;
  const found = choices.find((choice) => choice === field.value);
  if (found !== undefined) return found;
  return refuse(
    field,
    'UnsupportedValue',
    `${shown(field.value)} is not a known value`,
    `use ${choices.length === 1 ? '' : 'one of '}${choices.join(', ')}`,
  );
}

export function readAddress(field: Field): Address | undefined {
  const text = readText(field);
  if (text === undefined) return undefined;
  const address = parseAddress(text);
  if (address !== undefined) return address;
  return refuse(field, 'InvalidAddress', `${shown(text)} is not an IP address`, addressRemedy(text));
}

/** What to do about loopback, link-local and other addresses that no packet can be sent to. */
export const UNREACHABLE_REMEDY = 'use an address that others can reach';

/** The address of something that packets are sent to. */
export function readHostAddress(field: Field): Address | undefined {
  const address = readAddress(field);
  const reason = address === undefined ? null : unroutableReason(address);
  if (reason === null) return address;
  return refuse(field, 'InvalidAddress', `${address} is ${reason}`, UNREACHABLE_REMEDY);
}

export function readPrefix(field: Field): Prefix | undefined {
  const text = readText(field)?.trim();
  if (text === undefined) return undefined;
  const prefix = parsePrefix(text);
  if (prefix !== undefined) return prefix;
  return refuse(field, 'InvalidCIDR', `${shown(text)} is not a CIDR`, prefixRemedy(text));
}

/** Text to text, as labels, annotations and selectors are. */
export function readTextMap(field: Field): Labels {
  const entries: [string, string][] = [];
  for (const name of Object.keys(readRecord(field) ?? {})) {
    const value = readText(childField(field, name));
    if (value !== undefined) entries.push([name, value]);
  }
  return Object.fromEntries(entries);
}

function addressRemedy(text: string): string {
  if (/^::ffff:\d+\.\d+/i.test(text)) return `write the IPv4 address itself: ${text.slice(7)}`;
  if (/^\d+(\.\d+){3}$/.test(text) && /(^|\.)0\d/.test(text)) {
    const plain = parseAddress(text.replace(/(^|\.)0+(?=\d)/g, '$1'));
    if (plain !== undefined) return `write it without leading zeros if you mean ${plain}`;
  }
  if (text.includes('/')) return 'write the address without a prefix length';
  if (text.includes('%')) return 'write the address without a zone';
  return 'use an IPv4 address such as 10.0.0.1 or an IPv6 address such as fd00::1';
}

function prefixRemedy(text: string): string {
  const address = parseAddress(text.split('/')[0] ?? '');
  if (address !== undefined && !text.includes('/')) {
    return `add the prefix length, ${address}/${address.includes(':') ? 128 : 32} for this one address`;
  }
  if (address !== undefined) return 'use a CIDR whose host bits are zero, such as 10.1.0.0/16 or fd00::/64';
  const remedy = addressRemedy(text.split('/')[0] ?? '');
  return remedy.startsWith('write') ? remedy : 'use a CIDR such as 10.1.0.0/16 or fd00::/64';
}
