/** Codec of the expression that swaps bytes between host and network order. */
import type { ExpressionCodec } from './expression-codec.ts';
import { BYTEORDER_OPERATION, nameOf } from './expression-names.ts';
import type { ByteorderExpression } from './expressions.ts';
import { numberOf } from './netlink-reader.ts';
import { putUint32 } from './netlink-writer.ts';
import { putRegister, valueRegisterOf } from './registers.ts';

const BYTEORDER = { source: 1, destination: 2, operation: 3, length: 4, size: 5 } as const;

export const byteorderCodec: ExpressionCodec<ByteorderExpression> = {
  name: 'byteorder',
  encode(writer, expression) {
    putRegister(writer, BYTEORDER.source, expression.source);
    putRegister(writer, BYTEORDER.destination, expression.destination);
    putUint32(writer, BYTEORDER.operation, BYTEORDER_OPERATION[expression.operation]);
    putUint32(writer, BYTEORDER.length, expression.length);
    putUint32(writer, BYTEORDER.size, expression.size);
  },
  decode(attributes) {
    const source = valueRegisterOf(attributes, BYTEORDER.source);
    const destination = valueRegisterOf(attributes, BYTEORDER.destination);
    const operation = nameOf(BYTEORDER_OPERATION, numberOf(attributes, BYTEORDER.operation));
    const length = numberOf(attributes, BYTEORDER.length);
    const size = numberOf(attributes, BYTEORDER.size);
    if (source === undefined || destination === undefined || operation === undefined) return undefined;
    if (length === undefined || (size !== 2 && size !== 4 && size !== 8)) return undefined;
    return { kind: 'byteorder', source, destination, operation, length, size };
  },
};
