/** Registers and data values as expressions carry them. */
import type { Verdict } from './commands.ts';
import { nameOf } from './expression-names.ts';
import { DATA, VERDICT, VERDICT_NUMBER } from './netlink-constants.ts';
import { type Attributes, binaryOf, nestedOf, numberOf, textOf } from './netlink-reader.ts';
import { endNest, putBytes, putText, putUint32, startNest, type Writer } from './netlink-writer.ts';

const VERDICT_REGISTER = 0;
const FIRST_WIDE_REGISTER = 1;
const LAST_WIDE_REGISTER = 4;
const FIRST_REGISTER = 8;
const REGISTERS = 16;
const REGISTERS_PER_WIDE = 4;

/** Writes a register. Throws RangeError unless it is 0 to 15 or `verdict`. */
export function putRegister(writer: Writer, type: number, register: number | 'verdict'): void {
  if (register === 'verdict') {
    putUint32(writer, type, VERDICT_REGISTER);
    return;
  }
  if (!Number.isInteger(register) || register < 0 || register >= REGISTERS) {
    throw new RangeError(`register ${register}: registers are numbered 0 to ${REGISTERS - 1}`);
  }
  putUint32(writer, type, FIRST_REGISTER + register);
}

/** Writes a register if there is one. */
export function putOptionalRegister(writer: Writer, type: number, register: number | undefined): void {
  if (register !== undefined) putRegister(writer, type, register);
}

/** Reads a register; the kernel reports every fourth one by its 16 byte name. */
export function registerOf(attributes: Attributes, type: number): number | 'verdict' | undefined {
  const number = numberOf(attributes, type);
  if (number === undefined) return undefined;
  if (number === VERDICT_REGISTER) return 'verdict';
  if (number >= FIRST_WIDE_REGISTER && number <= LAST_WIDE_REGISTER) {
    return (number - FIRST_WIDE_REGISTER) * REGISTERS_PER_WIDE;
  }
  return number >= FIRST_REGISTER && number < FIRST_REGISTER + REGISTERS
    ? number - FIRST_REGISTER
    : undefined;
}

/** Reads a register that holds a value. */
export function valueRegisterOf(attributes: Attributes, type: number): number | undefined {
  const register = registerOf(attributes, type);
  return typeof register === 'number' ? register : undefined;
}

/** Writes a constant as a data attribute. */
export function putValue(writer: Writer, type: number, bytes: string | Uint8Array): void {
  const nest = startNest(writer, type);
  putBytes(writer, DATA.value, bytes);
  endNest(writer, nest);
}

/** Writes a verdict as a data attribute. */
export function putVerdict(writer: Writer, type: number, verdict: Verdict): void {
  const outer = startNest(writer, type);
  const inner = startNest(writer, DATA.verdict);
  putUint32(writer, VERDICT.code, VERDICT_NUMBER[verdict.code]);
  if (verdict.code === 'jump' || verdict.code === 'goto') putText(writer, VERDICT.chain, verdict.chain);
  endNest(writer, inner);
  endNest(writer, outer);
}

/** Reads a data attribute's constant. */
export function constantOf(attributes: Attributes, type: number): string | undefined {
  const data = nestedOf(attributes, type);
  return data && binaryOf(data, DATA.value);
}

/** Reads a data attribute's verdict; undefined for a constant or a verdict that has no name here. */
export function verdictOf(attributes: Attributes, type: number): Verdict | undefined {
  const data = nestedOf(attributes, type);
  const verdict = data && nestedOf(data, DATA.verdict);
  const number = verdict && numberOf(verdict, VERDICT.code);
  if (verdict === undefined || number === undefined) return undefined;
  const code = nameOf(VERDICT_NUMBER, number | 0);
  if (code !== 'jump' && code !== 'goto') return code && { code };
  const chain = textOf(verdict, VERDICT.chain);
  return chain === undefined ? undefined : { code, chain };
}
