/** What a codec of one kind of expression does. */
import type { Family } from './commands.ts';
import type { Attributes } from './netlink-reader.ts';
import type { Writer } from './netlink-writer.ts';

export interface ExpressionCodec<Shape> {
  /** The kernel's name; several kinds may share one. */
  readonly name: string;
  /** Writes the expression's attributes. Throws RangeError for values that cannot be written. */
  readonly encode: (writer: Writer, expression: Shape) => void;
  /** Reads them; undefined if they say more than the shape can hold. Throws MalformedMessageError. */
  readonly decode: (attributes: Attributes, family: Family) => Shape | undefined;
}
