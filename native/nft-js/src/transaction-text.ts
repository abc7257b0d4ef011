/** Transactions as text in the manner of nft, for logs, error messages and tests. */
import { type Bytes, toHex } from './bytes.ts';
import type { Command, ElementsCommand, SetElement, SetSpec, Transaction, Verdict } from './commands.ts';
import { isVerdict } from './elements.ts';
import type { Expression } from './expressions.ts';
import { printValue } from './value-text.ts';

export interface PrintOptions {
  /** Specs of sets by name, to print elements by their types; those the transaction adds are known anyway. */
  readonly sets?: ReadonlyMap<string, SetSpec>;
}

/** One command a line. Bytes are printed by data type where the set is known, else as hexadecimal. */
export function printTransaction(transaction: Transaction, options: PrintOptions = {}): string {
  const sets = specsIn(transaction, options.sets);
  return transaction.map((command) => `${printCommand(command, { sets })}\n`).join('');
}

/** The given specs and those the transaction adds, by name of the set. */
export function specsIn(
  transaction: Transaction,
  known?: ReadonlyMap<string, SetSpec>,
): ReadonlyMap<string, SetSpec> {
  const sets = new Map(known);
  for (const command of transaction) {
    if (command.object === 'set' && command.spec !== undefined) sets.set(command.set, command.spec);
  }
  return sets;
}

/** One command, without a line end. */
export function printCommand(command: Command, options: PrintOptions = {}): string {
  const { verb, family, table } = command;
  const comment =
    'comment' in command && command.comment !== undefined
      ? ` comment ${JSON.stringify(command.comment)}`
      : '';
  switch (command.object) {
    case 'table':
      return `${verb} table ${family} ${table}${comment}`;
    case 'chain': {
      const base = command.base === undefined ? '' : ` { ${printBase(command.base)} }`;
      return `${verb} chain ${family} ${table} ${command.chain}${base}${comment}`;
    }
    case 'rule': {
      const handle = command.handle === undefined ? '' : ` handle ${command.handle}`;
      const expressions = (command.expressions ?? [])
        .map((expression) => ` ${printExpression(expression)}`)
        .join('');
      return `${verb} rule ${family} ${table} ${command.chain}${handle}${expressions}${comment}`;
    }
    case 'set': {
      const { spec } = command;
      const kind = spec?.data === undefined ? 'set' : 'map';
      const body = spec === undefined ? '' : ` { ${printSpec(spec)} }`;
      return `${verb} ${kind} ${family} ${table} ${command.set}${body}`;
    }
    case 'timeout': {
      const times = Object.entries(command.spec?.seconds ?? {}).map(([state, time]) => `${state}: ${time}s`);
      const body = command.spec === undefined ? '' : ` { ${command.spec.protocol}; ${times.join(', ')}; }`;
      return `${verb} ct timeout ${family} ${table} ${command.timeout}${body}`;
    }
    case 'elements':
      return printElements(command, options);
  }
}

function printElements(command: ElementsCommand, options: PrintOptions): string {
  const spec = options.sets?.get(command.set);
  const elements = command.elements.map((element) => printElement(element, spec)).join(', ');
  return `${command.verb} element ${command.family} ${command.table} ${command.set} { ${elements} }`;
}

/** One element, by the types of its set if that is known. */
export function printElement(element: SetElement, spec?: SetSpec): string {
  const { data } = element;
  const key = element.catchAll === true ? '*' : printValue(element.key, spec?.key);
  const dataTypes = spec?.data === 'verdict' ? undefined : spec?.data;
  return [
    element.keyEnd === undefined ? key : `${key} - ${printValue(element.keyEnd, spec?.key)}`,
    element.intervalEnd === true ? ' interval-end' : '',
    element.timeoutMs === undefined ? '' : ` timeout ${element.timeoutMs}ms`,
    element.expiresMs === undefined ? '' : ` expires ${element.expiresMs}ms`,
    element.comment === undefined ? '' : ` comment ${JSON.stringify(element.comment)}`,
    data === undefined ? '' : ` : ${isVerdict(data) ? printVerdict(data) : printValue(data, dataTypes)}`,
  ].join('');
}

function printVerdict(verdict: Verdict): string {
  return 'chain' in verdict ? `${verdict.code} ${verdict.chain}` : verdict.code;
}

function printBase(base: NonNullable<Extract<Command, { object: 'chain' }>['base']>): string {
  const device = base.device === undefined ? '' : ` device ${base.device}`;
  const policy = base.policy === undefined ? '' : ` policy ${base.policy};`;
  return `type ${base.type} hook ${base.hook}${device} priority ${base.priority};${policy}`;
}

function printSpec(spec: SetSpec): string {
  const key = spec.key.join(' . ');
  const data =
    spec.data === undefined ? '' : ` : ${spec.data === 'verdict' ? 'verdict' : spec.data.join(' . ')}`;
  const flags = (['interval', 'dynamic', 'timeout'] as const).filter((flag) => spec[flag] === true);
  return [
    `type ${key}${data};`,
    flags.length === 0 ? '' : ` flags ${flags.join(',')};`,
    spec.defaultTimeoutMs === undefined ? '' : ` timeout ${spec.defaultTimeoutMs}ms;`,
    spec.size === undefined ? '' : ` size ${spec.size};`,
    spec.comment === undefined ? '' : ` comment ${JSON.stringify(spec.comment)};`,
  ].join('');
}

/** Fields of expressions that are binary strings. */
const BYTE_FIELDS: ReadonlySet<string> = new Set(['bytes', 'mask', 'xor', 'attributes']);

/** One expression in brackets with its fields by name, such as `[meta key=l4proto register=0]`. */
export function printExpression(expression: Expression): string {
  if (expression.kind === 'verdict') return printVerdict(expression.verdict);
  const fields = Object.entries(expression)
    .filter(([name, value]) => name !== 'kind' && value !== undefined)
    .map(([name, value]) => ` ${name}=${printField(name, value)}`);
  return `[${expression.kind}${fields.join('')}]`;
}

function printField(name: string, value: unknown): string {
  if (BYTE_FIELDS.has(name) && typeof value === 'string') return toHex(value as Bytes);
  if (Array.isArray(value)) return value.join(',');
  return typeof value === 'string' && /[^\w.-]/.test(value) ? JSON.stringify(value) : String(value);
}
