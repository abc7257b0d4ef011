/** One end of a flow in a line for people. */
import { type Address, formatEndpoint } from '../model/address.ts';

/** `shop/web (10.0.0.1:80)`; `name` null: nobody's that is known; `port` null: the protocol has none. */
export function endText(name: string | null, address: Address, port: number | null): string {
  const endpoint = port === null ? address : formatEndpoint(address, port);
  return name === null ? endpoint : `${name} (${endpoint})`;
}
