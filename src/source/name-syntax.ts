/** The syntax of names as the API server checks it; each check refuses the field with its own remedy. */
import { type Field, readText, refuse, shown } from './field.ts';

const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$/;

/** A DNS-1123 label: at most 63 of a–z, 0–9 and `-`, with a letter or digit at both ends. */
export function readDnsLabel(field: Field): string | undefined {
  const text = readText(field);
  if (text === undefined || (text.length <= 63 && LABEL.test(text))) return text;
  const remedy = 'use at most 63 lower-case letters, digits and "-", with a letter or digit at both ends';
  return refuse(field, 'InvalidName', `${shown(text)} is not a DNS label`, remedy);
}

/** A DNS-1123 subdomain: labels joined by dots, at most 253 characters. */
export function readDnsSubdomain(field: Field): string | undefined {
  const text = readText(field);
  if (text === undefined || isDnsSubdomain(text)) return text;
  const remedy =
    'use at most 253 lower-case letters, digits, "-" and ".", each part beginning and ending with a letter or digit';
  return refuse(field, 'InvalidName', `${shown(text)} is not a DNS name`, remedy);
}

export function isDnsSubdomain(text: string): boolean {
  return text.length <= 253 && SUBDOMAIN.test(text);
}

/** A container port's name (IANA service name): at most 15 of a–z, 0–9 and single `-`, at least one letter. */
export function readContainerPortName(field: Field): string | undefined {
  const text = readText(field);
  if (text === undefined || isContainerPortName(text)) return text;
  const remedy = 'use at most 15 lower-case letters, digits and "-", at least one of them a letter';
  return refuse(field, 'InvalidPortName', `${shown(text)} is not a port name`, remedy);
}

export function isContainerPortName(text: string): boolean {
  return text.length <= 15 && LABEL.test(text) && /[a-z]/.test(text) && !text.includes('--');
}

/** A qualified name: at most 63 letters, digits, `-`, `_` and `.`, after a DNS name and a slash where there is one. */
export function readQualifiedName(field: Field): string | undefined {
  const text = readText(field);
  if (text === undefined || isQualifiedName(text)) return text;
  const remedy =
    'use at most 63 letters, digits, "-", "_" and ".", beginning and ending with a letter or digit, after example.com/ or not';
  return refuse(field, 'InvalidName', `${shown(text)} is not a qualified name`, remedy);
}

/** Whether the text can be the name of a label. */
export function isQualifiedName(text: string): boolean {
  const parts = text.split('/');
  const name = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  if (parts.length > 2 || name === '' || !isLabelValue(name)) return false;
  return prefix === undefined || isDnsSubdomain(prefix);
}

/** A label's value: at most 63 characters, as selectors and labels have them. */
export function isLabelValue(text: string): boolean {
  return text.length <= 63 && LABEL_VALUE.test(text);
}

/** A label's key: a name of at most 63 characters, or a DNS subdomain, `/` and a name. */
export function readLabelKey(field: Field): string | undefined {
  const text = readText(field);
  if (text === undefined || isQualifiedName(text)) return text;
  const remedy = 'use a name such as app or example.com/app, the name of at most 63 characters';
  return refuse(field, 'InvalidLabel', `${shown(text)} is not a label key`, remedy);
}
