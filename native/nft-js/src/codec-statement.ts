/** Codecs of statements: reject, counter, limit, connlimit, quota, log, notrack, objref. */
import type { Family } from './commands.ts';
import type { ExpressionCodec } from './expression-codec.ts';
import { LIMIT_TYPE, LIMIT_UNIT, nameOf, OBJECT_TYPE, REJECT_CODE, REJECT_TYPE } from './expression-names.ts';
import type * as E from './expressions.ts';
import { longOf, numberOf, textOf } from './netlink-reader.ts';
import { putText, putUint8, putUint16, putUint32, putUint64 } from './netlink-writer.ts';

const REJECT = { type: 1, code: 2 } as const;
const COUNTER = { bytes: 1, packets: 2 } as const;
const LIMIT = { rate: 1, unit: 2, burst: 3, type: 4, flags: 5 } as const;
const CONNLIMIT = { count: 1, flags: 2 } as const;
const QUOTA = { bytes: 1, flags: 2 } as const;
const LOG = { group: 1, prefix: 2, snaplen: 3, threshold: 4, level: 5, flags: 6 } as const;
const OBJREF = { type: 1, name: 2 } as const;
/** The inversion flag of limit, connlimit and quota. */
const OVER = 1;
/** The level log takes of itself when it has no group. */
const LOG_LEVEL_WARNING = 4;

export const rejectCodec: ExpressionCodec<E.RejectExpression> = {
  name: 'reject',
  encode(writer, expression) {
    putUint32(writer, REJECT.type, REJECT_TYPE[expression.type]);
    if (expression.type === 'tcp-reset') return;
    putUint8(writer, REJECT.code, REJECT_CODE[expression.type][expression.code ?? 'port-unreachable']);
  },
  decode(attributes, family) {
    const type = rejectType(numberOf(attributes, REJECT.type), family);
    if (type === undefined) return undefined;
    if (type === 'tcp-reset') return { kind: 'reject', type };
    const code = nameOf(REJECT_CODE[type], numberOf(attributes, REJECT.code));
    return code && { kind: 'reject', type, code };
  },
};

function rejectType(number: number | undefined, family: Family): E.RejectExpression['type'] | undefined {
  const type = nameOf(REJECT_TYPE, number);
  return type === 'icmp' && family === 'ip6' ? 'icmpv6' : type;
}

export const counterCodec: ExpressionCodec<E.CounterExpression> = {
  name: 'counter',
  encode(writer, expression) {
    putUint64(writer, COUNTER.bytes, expression.bytes);
    putUint64(writer, COUNTER.packets, expression.packets);
  },
  decode(attributes) {
    const bytes = longOf(attributes, COUNTER.bytes) ?? 0;
    return { kind: 'counter', packets: longOf(attributes, COUNTER.packets) ?? 0, bytes };
  },
};

export const limitCodec: ExpressionCodec<E.LimitExpression> = {
  name: 'limit',
  encode(writer, expression) {
    putUint64(writer, LIMIT.rate, expression.rate);
    putUint64(writer, LIMIT.unit, LIMIT_UNIT[expression.unit]);
    putUint32(writer, LIMIT.burst, expression.burst);
    putUint32(writer, LIMIT.type, LIMIT_TYPE[expression.type]);
    putUint32(writer, LIMIT.flags, expression.over === true ? OVER : 0);
  },
  decode(attributes) {
    const rate = longOf(attributes, LIMIT.rate);
    const unit = nameOf(LIMIT_UNIT, longOf(attributes, LIMIT.unit));
    const type = nameOf(LIMIT_TYPE, numberOf(attributes, LIMIT.type) ?? 0);
    if (rate === undefined || unit === undefined || type === undefined) return undefined;
    const burst = numberOf(attributes, LIMIT.burst) ?? 0;
    const over = ((numberOf(attributes, LIMIT.flags) ?? 0) & OVER) !== 0;
    return { kind: 'limit', rate, unit, type, burst, ...(over && { over }) };
  },
};

export const connlimitCodec: ExpressionCodec<E.ConnlimitExpression> = {
  name: 'connlimit',
  encode(writer, expression) {
    putUint32(writer, CONNLIMIT.count, expression.count);
    if (expression.over === true) putUint32(writer, CONNLIMIT.flags, OVER);
  },
  decode(attributes) {
    const count = numberOf(attributes, CONNLIMIT.count);
    const over = ((numberOf(attributes, CONNLIMIT.flags) ?? 0) & OVER) !== 0;
    return count === undefined ? undefined : { kind: 'connlimit', count, ...(over && { over }) };
  },
};

export const quotaCodec: ExpressionCodec<E.QuotaExpression> = {
  name: 'quota',
  encode(writer, expression) {
    putUint64(writer, QUOTA.bytes, expression.bytes);
    if (expression.over === true) putUint32(writer, QUOTA.flags, OVER);
  },
  decode(attributes) {
    const bytes = longOf(attributes, QUOTA.bytes);
    const over = ((numberOf(attributes, QUOTA.flags) ?? 0) & OVER) !== 0;
    return bytes === undefined ? undefined : { kind: 'quota', bytes, ...(over && { over }) };
  },
};

export const logCodec: ExpressionCodec<E.LogExpression> = {
  name: 'log',
  encode(writer, expression) {
    if (expression.group !== undefined) putUint16(writer, LOG.group, expression.group);
    if (expression.prefix !== undefined) putText(writer, LOG.prefix, expression.prefix);
    if (expression.snaplen !== undefined) putUint32(writer, LOG.snaplen, expression.snaplen);
  },
  decode(attributes) {
    if ((numberOf(attributes, LOG.flags) ?? 0) !== 0 || attributes.spans.has(LOG.threshold)) return undefined;
    if ((numberOf(attributes, LOG.level) ?? LOG_LEVEL_WARNING) !== LOG_LEVEL_WARNING) return undefined;
    const group = numberOf(attributes, LOG.group);
    const prefix = textOf(attributes, LOG.prefix);
    const snaplen = numberOf(attributes, LOG.snaplen);
    return {
      kind: 'log',
      ...(group !== undefined && { group }),
      ...(prefix !== undefined && { prefix }),
      ...(snaplen !== undefined && { snaplen }),
    };
  },
};

export const notrackCodec: ExpressionCodec<E.NotrackExpression> = {
  name: 'notrack',
  encode: () => undefined,
  decode: () => ({ kind: 'notrack' }),
};

export const objrefCodec: ExpressionCodec<E.ObjrefExpression> = {
  name: 'objref',
  encode(writer, expression) {
    putUint32(writer, OBJREF.type, OBJECT_TYPE[expression.type]);
    putText(writer, OBJREF.name, expression.name);
  },
  decode(attributes) {
    const type = nameOf(OBJECT_TYPE, numberOf(attributes, OBJREF.type));
    const name = textOf(attributes, OBJREF.name);
    return type === undefined || name === undefined ? undefined : { kind: 'objref', type, name };
  },
};
