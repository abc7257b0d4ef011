/** Codecs of address translation: nat, masquerade, redirect. */
import type { ExpressionCodec } from './expression-codec.ts';
import {
  flagsOf,
  NAT_FAMILY,
  NAT_FLAG,
  NAT_TYPE,
  type NatFlag,
  nameOf,
  namesOfFlags,
} from './expression-names.ts';
import type * as E from './expressions.ts';
import { type Attributes, numberOf } from './netlink-reader.ts';
import { putUint32, type Writer } from './netlink-writer.ts';
import { putOptionalRegister, valueRegisterOf } from './registers.ts';

const NAT = { type: 1, family: 2, addressMin: 3, addressMax: 4, portMin: 5, portMax: 6, flags: 7 } as const;
const MASQUERADE = { flags: 1, portMin: 2, portMax: 3 } as const;
const REDIRECT = { portMin: 1, portMax: 2, flags: 3 } as const;

const PORTS_SPECIFIED = 1 << 1;

interface PortAttributes {
  readonly portMin: number;
  readonly portMax: number;
  readonly flags: number;
}

interface Ports {
  readonly portMin?: number;
  readonly portMax?: number;
  readonly flags?: readonly NatFlag[];
}

function putPorts(writer: Writer, types: PortAttributes, ports: Ports): void {
  putOptionalRegister(writer, types.portMin, ports.portMin);
  putOptionalRegister(writer, types.portMax, ports.portMax);
  // Without this bit the kernel's masquerade takes ports from a range of its own, whatever the registers say.
  const specified = ports.portMin === undefined ? 0 : PORTS_SPECIFIED;
  const flags = flagsOf(NAT_FLAG, ports.flags ?? []) | specified;
  if (flags !== 0) putUint32(writer, types.flags, flags);
}

/** The kernel names a single register as both ends of the range, and sets flags of its own besides ours. */
function portsOf(attributes: Attributes, types: PortAttributes): Ports {
  const portMin = valueRegisterOf(attributes, types.portMin);
  const portMax = valueRegisterOf(attributes, types.portMax);
  const flags = namesOfFlags(NAT_FLAG, numberOf(attributes, types.flags) ?? 0);
  return {
    ...(portMin !== undefined && { portMin }),
    ...(portMax !== undefined && portMax !== portMin && { portMax }),
    ...(flags.length > 0 && { flags }),
  };
}

export const natCodec: ExpressionCodec<E.NatExpression> = {
  name: 'nat',
  encode(writer, expression) {
    putUint32(writer, NAT.type, NAT_TYPE[expression.type]);
    putUint32(writer, NAT.family, NAT_FAMILY[expression.family]);
    putOptionalRegister(writer, NAT.addressMin, expression.addressMin);
    putOptionalRegister(writer, NAT.addressMax, expression.addressMax);
    putPorts(writer, NAT, expression);
  },
  decode(attributes) {
    const type = nameOf(NAT_TYPE, numberOf(attributes, NAT.type));
    const family = nameOf(NAT_FAMILY, numberOf(attributes, NAT.family));
    if (type === undefined || family === undefined) return undefined;
    const addressMin = valueRegisterOf(attributes, NAT.addressMin);
    const addressMax = valueRegisterOf(attributes, NAT.addressMax);
    return {
      kind: 'nat',
      type,
      family,
      ...(addressMin !== undefined && { addressMin }),
      ...(addressMax !== undefined && addressMax !== addressMin && { addressMax }),
      ...portsOf(attributes, NAT),
    };
  },
};

export const masqueradeCodec: ExpressionCodec<E.MasqueradeExpression> = {
  name: 'masq',
  encode: (writer, expression) => putPorts(writer, MASQUERADE, expression),
  decode: (attributes) => ({ kind: 'masquerade', ...portsOf(attributes, MASQUERADE) }),
};

export const redirectCodec: ExpressionCodec<E.RedirectExpression> = {
  name: 'redir',
  encode: (writer, expression) => putPorts(writer, REDIRECT, expression),
  decode: (attributes) => ({ kind: 'redirect', ...portsOf(attributes, REDIRECT) }),
};
