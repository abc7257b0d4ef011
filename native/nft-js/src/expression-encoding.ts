/** Expressions to netlink attributes and back. */
import { masqueradeCodec, natCodec, redirectCodec } from './codec-nat.ts';
import * as packet from './codec-packet.ts';
import * as statement from './codec-statement.ts';
import * as value from './codec-value.ts';
import type { Family } from './commands.ts';
import type { ExpressionCodec } from './expression-codec.ts';
import type { Expression } from './expressions.ts';
import { EXPRESSION, LIST_ITEM, NESTED } from './netlink-constants.ts';
import { type Attributes, binaryOf, listOf, nestedOf, textOf } from './netlink-reader.ts';
import {
  createWriter,
  endNest,
  putBytes,
  putText,
  startNest,
  type Writer,
  writtenBytes,
} from './netlink-writer.ts';

type Codecs = {
  readonly [Kind in Exclude<Expression['kind'], 'raw'>]: ExpressionCodec<Extract<Expression, { kind: Kind }>>;
};

const CODECS: Codecs = {
  payload: packet.payloadCodec,
  exthdr: packet.exthdrCodec,
  meta: packet.metaCodec,
  metaSet: packet.metaSetCodec,
  ct: packet.ctCodec,
  fib: packet.fibCodec,
  numgen: packet.numgenCodec,
  hash: packet.hashCodec,
  immediate: value.immediateCodec,
  verdict: value.verdictCodec,
  compare: value.compareCodec,
  bitwise: value.bitwiseCodec,
  lookup: value.lookupCodec,
  dynset: value.dynsetCodec,
  nat: natCodec,
  masquerade: masqueradeCodec,
  redirect: redirectCodec,
  reject: statement.rejectCodec,
  counter: statement.counterCodec,
  limit: statement.limitCodec,
  connlimit: statement.connlimitCodec,
  quota: statement.quotaCodec,
  log: statement.logCodec,
  notrack: statement.notrackCodec,
  objref: statement.objrefCodec,
};

const BY_KERNEL_NAME = new Map<string, readonly ExpressionCodec<Expression>[]>();
for (const codec of Object.values(CODECS) as readonly ExpressionCodec<Expression>[]) {
  BY_KERNEL_NAME.set(codec.name, [...(BY_KERNEL_NAME.get(codec.name) ?? []), codec]);
}

/** Writes the list attribute `type` of expressions. Throws RangeError for values that cannot be written. */
export function putExpressions(writer: Writer, type: number, expressions: readonly Expression[]): void {
  const list = startNest(writer, type);
  for (const expression of expressions) putExpression(writer, expression);
  endNest(writer, list);
}

function putExpression(writer: Writer, expression: Expression): void {
  const item = startNest(writer, LIST_ITEM);
  if (expression.kind === 'raw') {
    putText(writer, EXPRESSION.name, expression.name);
    putBytes(writer, EXPRESSION.data | NESTED, expression.attributes);
  } else {
    const codec = CODECS[expression.kind] as ExpressionCodec<Expression> | undefined;
    if (codec === undefined) throw new RangeError(`unknown kind of expression '${expression.kind}'`);
    putText(writer, EXPRESSION.name, codec.name);
    const data = startNest(writer, EXPRESSION.data);
    codec.encode(writer, expression);
    endNest(writer, data);
  }
  endNest(writer, item);
}

/** Reads a list attribute of expressions in a table of `family`. Throws MalformedMessageError. */
export function expressionsOf(attributes: Attributes, type: number, family: Family): readonly Expression[] {
  return listOf(attributes, type).map((item) => readExpression(item, family));
}

function readExpression(item: Attributes, family: Family): Expression {
  const name = textOf(item, EXPRESSION.name) ?? '';
  const data = nestedOf(item, EXPRESSION.data) ?? { bytes: item.bytes, spans: new Map() };
  for (const codec of BY_KERNEL_NAME.get(name) ?? []) {
    const expression = codec.decode(data, family);
    if (expression !== undefined) return expression;
  }
  return { kind: 'raw', name, attributes: binaryOf(item, EXPRESSION.data) ?? '' };
}

/** Whether two rules' expressions mean the same to the kernel; what counters have counted is left out. */
export function expressionsEqual(left: readonly Expression[], right: readonly Expression[]): boolean {
  return encodedExpressions(left).equals(encodedExpressions(right));
}

function encodedExpressions(expressions: readonly Expression[]): Buffer {
  const writer = createWriter();
  for (const expression of expressions) {
    putExpression(
      writer,
      expression.kind === 'counter' ? { kind: 'counter', packets: 0, bytes: 0 } : expression,
    );
  }
  return writtenBytes(writer);
}
