/** What of a service matters to flows that conntrack remembers: where it is reached, and where it sends them. */
import { type Address, addressFromBytes, type Family } from '../../model/address.ts';
import type { Port, Protocol } from '../../model/names.ts';
import type { FrontendRow, ServiceRows, Treatment } from '../../model/rows.ts';
import { scopeAddress } from './chains/frontend-key.ts';
import { type Element, elementBytes, numberFromKey, portFromKey, protocolFromKey } from './element.ts';
import { familySet, type SetName } from './layout.ts';
import { serviceNumberOf } from './lower-service.ts';

/** Bytes of the word that a slot's value begins with. */
const NOTHING = 4;

export interface ServedFlows {
  readonly family: Family;
  readonly protocol: Protocol;
  /** Frontends with a backend to go to; address null: a port of the node. */
  readonly frontends: readonly { readonly address: Address | null; readonly port: Port }[];
  readonly backends: readonly { readonly address: Address; readonly port: Port }[];
}

export function servedFlows(rows: ServiceRows): ServedFlows {
  const frontends = rows.frontends.filter((frontend) => treatments(frontend).some(isList));
  const used = new Set(frontends.flatMap(treatments));
  return {
    family: rows.family,
    protocol: rows.protocol,
    frontends: frontends.map(({ address, port }) => ({ address, port })),
    backends: [...(used.has('cluster') ? rows.cluster : []), ...(used.has('local') ? rows.local : [])],
  };
}

function treatments({ inside, outside, elsewhere }: FrontendRow): readonly Treatment[] {
  return [inside, outside, elsewhere];
}

function isList(treatment: Treatment): boolean {
  return treatment === 'cluster' || treatment === 'local';
}

/** The same, read from the kernel; by the tag that stands beside the service's frontends. */
export function observedFlows(
  sets: ReadonlyMap<SetName, ReadonlyMap<string, Element>>,
): ReadonlyMap<string, ServedFlows> {
  const flows = new Map<string, ServedFlows>();
  for (const family of ['IPv4', 'IPv6'] as const) {
    const backends = backendsByService(family, sets);
    for (const element of sets.get(familySet('service', family))?.values() ?? []) {
      const { comment } = element;
      const service = backends.get(serviceNumberOf(elementBytes(element)));
      const frontend = parseFrontend(family, element.key);
      if (comment === undefined || service === undefined || frontend === undefined) continue;
      const earlier = flows.get(comment);
      flows.set(comment, {
        family,
        protocol: frontend.protocol,
        frontends: [...(earlier?.frontends ?? []), { address: frontend.address, port: frontend.port }],
        backends: service,
      });
    }
  }
  return flows;
}

function backendsByService(family: Family, sets: ReadonlyMap<SetName, ReadonlyMap<string, Element>>) {
  const backends = new Map<number, { address: Address; port: Port }[]>();
  const width = family === 'IPv4' ? 4 : 16;
  for (const element of sets.get(familySet('slot', family))?.values() ?? []) {
    const data = elementBytes(element);
    const backend = {
      address: readAddress(data.slice(NOTHING), width),
      port: portFromKey(data, NOTHING + width) as Port,
    };
    const service = numberFromKey(element.key, 0);
    const list = backends.get(service);
    if (list === undefined) backends.set(service, [backend]);
    else list.push(backend);
  }
  return backends;
}

function parseFrontend(family: Family, key: string) {
  const width = family === 'IPv4' ? 4 : 16;
  const protocol = protocolFromKey(key, width);
  const address = readAddress(key, width);
  if (protocol === undefined) return undefined;
  return {
    address: address === scopeAddress('anyAddress', family) ? null : address,
    port: portFromKey(key, width + 4) as Port,
    protocol,
  };
}

function readAddress(key: string, width: number): Address {
  return addressFromBytes(Buffer.from(key.slice(0, width), 'latin1'));
}
