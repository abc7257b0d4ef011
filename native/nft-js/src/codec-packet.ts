/** Codecs of the expressions that load facts: payload, exthdr, meta, ct, fib, numgen, hash. */
import type { ExpressionCodec } from './expression-codec.ts';
import {
  CT_DIRECTION,
  CT_KEY,
  EXTHDR_OF,
  FIB_FLAG,
  FIB_RESULT,
  flagsOf,
  HASH_TYPE,
  META_KEY,
  NUMGEN_TYPE,
  nameOf,
  namesOfFlags,
  PAYLOAD_BASE,
} from './expression-names.ts';
import type * as E from './expressions.ts';
import { numberOf } from './netlink-reader.ts';
import { putUint8, putUint32 } from './netlink-writer.ts';
import { putOptionalRegister, putRegister, valueRegisterOf } from './registers.ts';

const PAYLOAD = { destination: 1, base: 2, offset: 3, length: 4 } as const;
const EXTHDR = { destination: 1, type: 2, offset: 3, length: 4, flags: 5, operation: 6 } as const;
const PRESENT = 1;
const META = { destination: 1, key: 2, source: 3 } as const;
const CT = { destination: 1, key: 2, direction: 3 } as const;
const FIB = { destination: 1, result: 2, flags: 3 } as const;
const NUMGEN = { destination: 1, modulus: 2, type: 3, offset: 4 } as const;
const HASH = { source: 1, destination: 2, length: 3, modulus: 4, seed: 5, offset: 6, type: 7 } as const;

export const payloadCodec: ExpressionCodec<E.PayloadExpression> = {
  name: 'payload',
  encode(writer, expression) {
    putRegister(writer, PAYLOAD.destination, expression.register);
    putUint32(writer, PAYLOAD.base, PAYLOAD_BASE[expression.base]);
    putUint32(writer, PAYLOAD.offset, expression.offset);
    putUint32(writer, PAYLOAD.length, expression.length);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, PAYLOAD.destination);
    const base = nameOf(PAYLOAD_BASE, numberOf(attributes, PAYLOAD.base));
    const offset = numberOf(attributes, PAYLOAD.offset);
    const length = numberOf(attributes, PAYLOAD.length);
    if (register === undefined || base === undefined || offset === undefined || length === undefined)
      return undefined;
    return { kind: 'payload', base, offset, length, register };
  },
};

export const exthdrCodec: ExpressionCodec<E.ExthdrExpression> = {
  name: 'exthdr',
  encode(writer, expression) {
    putRegister(writer, EXTHDR.destination, expression.register);
    putUint8(writer, EXTHDR.type, expression.type);
    putUint32(writer, EXTHDR.offset, expression.offset);
    putUint32(writer, EXTHDR.length, expression.length);
    putUint32(writer, EXTHDR.flags, expression.present === true ? PRESENT : 0);
    putUint32(writer, EXTHDR.operation, EXTHDR_OF[expression.of]);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, EXTHDR.destination);
    const of = nameOf(EXTHDR_OF, numberOf(attributes, EXTHDR.operation));
    const type = numberOf(attributes, EXTHDR.type);
    const offset = numberOf(attributes, EXTHDR.offset);
    const length = numberOf(attributes, EXTHDR.length);
    if (register === undefined || of === undefined || type === undefined) return undefined;
    if (offset === undefined || length === undefined) return undefined;
    const present = numberOf(attributes, EXTHDR.flags) === PRESENT;
    return { kind: 'exthdr', of, type, offset, length, ...(present && { present }), register };
  },
};

export const metaCodec: ExpressionCodec<E.MetaExpression> = {
  name: 'meta',
  encode(writer, expression) {
    putRegister(writer, META.destination, expression.register);
    putUint32(writer, META.key, META_KEY[expression.key]);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, META.destination);
    const key = nameOf(META_KEY, numberOf(attributes, META.key));
    return register === undefined || key === undefined ? undefined : { kind: 'meta', key, register };
  },
};

export const metaSetCodec: ExpressionCodec<E.MetaSetExpression> = {
  name: 'meta',
  encode(writer, expression) {
    putRegister(writer, META.source, expression.source);
    putUint32(writer, META.key, META_KEY[expression.key]);
  },
  decode(attributes) {
    const source = valueRegisterOf(attributes, META.source);
    const key = nameOf(META_KEY, numberOf(attributes, META.key));
    return source === undefined || key === undefined ? undefined : { kind: 'metaSet', key, source };
  },
};

export const ctCodec: ExpressionCodec<E.CtExpression> = {
  name: 'ct',
  encode(writer, expression) {
    putRegister(writer, CT.destination, expression.register);
    putUint32(writer, CT.key, CT_KEY[expression.key]);
    if (expression.direction !== undefined)
      putUint8(writer, CT.direction, CT_DIRECTION[expression.direction]);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, CT.destination);
    const key = nameOf(CT_KEY, numberOf(attributes, CT.key));
    const direction = nameOf(CT_DIRECTION, numberOf(attributes, CT.direction));
    if (register === undefined || key === undefined) return undefined;
    return { kind: 'ct', key, ...(direction !== undefined && { direction }), register };
  },
};

export const fibCodec: ExpressionCodec<E.FibExpression> = {
  name: 'fib',
  encode(writer, expression) {
    putRegister(writer, FIB.destination, expression.register);
    putUint32(writer, FIB.result, FIB_RESULT[expression.result]);
    putUint32(writer, FIB.flags, flagsOf(FIB_FLAG, expression.flags));
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, FIB.destination);
    const result = nameOf(FIB_RESULT, numberOf(attributes, FIB.result));
    const flags = namesOfFlags(FIB_FLAG, numberOf(attributes, FIB.flags) ?? 0);
    return register === undefined || result === undefined
      ? undefined
      : { kind: 'fib', result, flags, register };
  },
};

export const numgenCodec: ExpressionCodec<E.NumgenExpression> = {
  name: 'numgen',
  encode(writer, expression) {
    putRegister(writer, NUMGEN.destination, expression.register);
    putUint32(writer, NUMGEN.modulus, expression.modulus);
    putUint32(writer, NUMGEN.type, NUMGEN_TYPE[expression.type]);
    putUint32(writer, NUMGEN.offset, expression.offset);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, NUMGEN.destination);
    const modulus = numberOf(attributes, NUMGEN.modulus);
    const type = nameOf(NUMGEN_TYPE, numberOf(attributes, NUMGEN.type));
    if (register === undefined || modulus === undefined || type === undefined) return undefined;
    return { kind: 'numgen', type, modulus, offset: numberOf(attributes, NUMGEN.offset) ?? 0, register };
  },
};

export const hashCodec: ExpressionCodec<E.HashExpression> = {
  name: 'hash',
  encode(writer, expression) {
    putRegister(writer, HASH.destination, expression.register);
    putUint32(writer, HASH.type, HASH_TYPE[expression.type]);
    putOptionalRegister(writer, HASH.source, expression.source);
    if (expression.length !== undefined) putUint32(writer, HASH.length, expression.length);
    putUint32(writer, HASH.modulus, expression.modulus);
    if (expression.seed !== undefined) putUint32(writer, HASH.seed, expression.seed);
    putUint32(writer, HASH.offset, expression.offset);
  },
  decode(attributes) {
    const register = valueRegisterOf(attributes, HASH.destination);
    const modulus = numberOf(attributes, HASH.modulus);
    const type = nameOf(HASH_TYPE, numberOf(attributes, HASH.type));
    if (register === undefined || modulus === undefined || type === undefined) return undefined;
    const source = valueRegisterOf(attributes, HASH.source);
    const length = numberOf(attributes, HASH.length);
    const seed = numberOf(attributes, HASH.seed);
    return {
      kind: 'hash',
      type,
      ...(source !== undefined && { source }),
      ...(length !== undefined && { length }),
      modulus,
      ...(seed !== undefined && { seed }),
      offset: numberOf(attributes, HASH.offset) ?? 0,
      register,
    };
  },
};
