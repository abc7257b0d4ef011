/** Codecs of the expressions that work on registers: immediate, verdict, compare, bitwise, lookup, dynset. */
import type { ExpressionCodec } from './expression-codec.ts';
import { COMPARE_OPERATOR, DYNSET_OPERATION, nameOf } from './expression-names.ts';
import type * as E from './expressions.ts';
import { longOf, numberOf, textOf } from './netlink-reader.ts';
import { putText, putUint32, putUint64 } from './netlink-writer.ts';
import {
  constantOf,
  putOptionalRegister,
  putRegister,
  putValue,
  putVerdict,
  registerOf,
  valueRegisterOf,
  verdictOf,
} from './registers.ts';

const IMMEDIATE = { destination: 1, data: 2 } as const;
const COMPARE = { source: 1, operator: 2, data: 3 } as const;
const BITWISE = { source: 1, destination: 2, length: 3, mask: 4, xor: 5, operation: 6 } as const;
const BITWISE_MASK_XOR = 0;
const LOOKUP = { set: 1, source: 2, destination: 3, flags: 5 } as const;
const LOOKUP_INVERT = 1;
const DYNSET = {
  set: 1,
  operation: 3,
  key: 4,
  data: 5,
  timeout: 6,
  expression: 7,
  flags: 9,
  expressions: 10,
} as const;

export const immediateCodec: ExpressionCodec<E.ImmediateExpression> = {
  name: 'immediate',
  encode(writer, expression) {
    putRegister(writer, IMMEDIATE.destination, expression.register);
    putValue(writer, IMMEDIATE.data, expression.bytes);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, IMMEDIATE.destination);
    const bytes = constantOf(attributes, IMMEDIATE.data);
    return register === undefined || bytes === undefined ? undefined : { kind: 'immediate', register, bytes };
  },
};

export const verdictCodec: ExpressionCodec<E.VerdictExpression> = {
  name: 'immediate',
  encode(writer, expression) {
    putRegister(writer, IMMEDIATE.destination, 'verdict');
    putVerdict(writer, IMMEDIATE.data, expression.verdict);
  },
  decode(attributes) {
    if (registerOf(attributes, IMMEDIATE.destination) !== 'verdict') return undefined;
    const verdict = verdictOf(attributes, IMMEDIATE.data);
    return verdict && { kind: 'verdict', verdict };
  },
};

export const compareCodec: ExpressionCodec<E.CompareExpression> = {
  name: 'cmp',
  encode(writer, expression) {
    putRegister(writer, COMPARE.source, expression.register);
    putUint32(writer, COMPARE.operator, COMPARE_OPERATOR[expression.operator]);
    putValue(writer, COMPARE.data, expression.bytes);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, COMPARE.source);
    const operator = nameOf(COMPARE_OPERATOR, numberOf(attributes, COMPARE.operator));
    const bytes = constantOf(attributes, COMPARE.data);
    if (register === undefined || operator === undefined || bytes === undefined) return undefined;
    return { kind: 'compare', register, operator, bytes };
  },
};

export const bitwiseCodec: ExpressionCodec<E.BitwiseExpression> = {
  name: 'bitwise',
  encode(writer, expression) {
    putRegister(writer, BITWISE.source, expression.source);
    putRegister(writer, BITWISE.destination, expression.destination);
    putUint32(writer, BITWISE.length, expression.length);
    putValue(writer, BITWISE.mask, expression.mask);
    putValue(writer, BITWISE.xor, expression.xor);
  },
  decode(attributes) {
    if ((numberOf(attributes, BITWISE.operation) ?? BITWISE_MASK_XOR) !== BITWISE_MASK_XOR) return undefined;
    const source = valueRegisterOf(attributes, BITWISE.source);
    const destination = valueRegisterOf(attributes, BITWISE.destination);
    const length = numberOf(attributes, BITWISE.length);
    const mask = constantOf(attributes, BITWISE.mask);
    const xor = constantOf(attributes, BITWISE.xor);
    if (source === undefined || destination === undefined || length === undefined) return undefined;
    return mask === undefined || xor === undefined
      ? undefined
      : { kind: 'bitwise', source, destination, length, mask, xor };
  },
};

export const lookupCodec: ExpressionCodec<E.LookupExpression> = {
  name: 'lookup',
  encode(writer, expression) {
    putText(writer, LOOKUP.set, expression.set);
    putRegister(writer, LOOKUP.source, expression.source);
    if (expression.destination !== undefined) putRegister(writer, LOOKUP.destination, expression.destination);
    if (expression.invert === true) putUint32(writer, LOOKUP.flags, LOOKUP_INVERT);
  },
  decode(attributes) {
    const set = textOf(attributes, LOOKUP.set);
    const source = valueRegisterOf(attributes, LOOKUP.source);
    if (set === undefined || source === undefined) return undefined;
    const destination = registerOf(attributes, LOOKUP.destination);
    const inverted = ((numberOf(attributes, LOOKUP.flags) ?? 0) & LOOKUP_INVERT) !== 0;
    return {
      kind: 'lookup',
      set,
      source,
      ...(destination !== undefined && { destination }),
      ...(inverted && { invert: true }),
    };
  },
};

export const dynsetCodec: ExpressionCodec<E.DynsetExpression> = {
  name: 'dynset',
  encode(writer, expression) {
    putText(writer, DYNSET.set, expression.set);
    putUint32(writer, DYNSET.operation, DYNSET_OPERATION[expression.operation]);
    putRegister(writer, DYNSET.key, expression.key);
    putOptionalRegister(writer, DYNSET.data, expression.data);
    if (expression.timeoutMs !== undefined) putUint64(writer, DYNSET.timeout, expression.timeoutMs);
  },
  decode(attributes) {
    // Statements of the element itself (a counter, a limit) have no place in the shape.
    const { spans } = attributes;
    if (spans.has(DYNSET.expression) || spans.has(DYNSET.expressions)) return undefined;
    const set = textOf(attributes, DYNSET.set);
    const operation = nameOf(DYNSET_OPERATION, numberOf(attributes, DYNSET.operation));
    const key = valueRegisterOf(attributes, DYNSET.key);
    if (set === undefined || operation === undefined || key === undefined) return undefined;
    if ((numberOf(attributes, DYNSET.flags) ?? 0) !== 0) return undefined;
    const data = valueRegisterOf(attributes, DYNSET.data);
    const timeoutMs = longOf(attributes, DYNSET.timeout) ?? 0;
    return {
      kind: 'dynset',
      set,
      operation,
      key,
      ...(data !== undefined && { data }),
      ...(timeoutMs > 0 && { timeoutMs }),
    };
  },
};
