/**
 * One transaction: from what stands in the tables of Services to what ought to. On the way each look-up meets a Service as it
 * was or as it is to be; what addresses of nodes stand for changes behind all Services.
 */
import type { Address, Prefix } from '../../../model/address.ts';
import type { NodeRows, ServiceAddressRow, ServiceId, ServiceRows } from '../../../model/rows.ts';
import { echoAddresses, nodeAddresses, serviceAddress } from './addresses.ts';
import type { Installed } from './installed.ts';
import type { NamedEntries } from './named-entries.ts';
import { writeServices } from './service-writes.ts';
import type { ServiceTables } from './tables.ts';

/** What ought to be in the tables. */
export interface Wanted {
  readonly services: Map<ServiceId, ServiceRows>;
  readonly addresses: Map<Address, ServiceAddressRow>;
  node: NodeRows | null;
  /** All addresses of this node's interfaces. */
  ownAddresses: readonly Address[];
}

/** Rows that may differ from what is installed. */
export interface Touched {
  readonly services: Iterable<ServiceId>;
  readonly addresses: Iterable<Address>;
  /** What addresses of nodes stand for. */
  readonly node: boolean;
}

/** `touched` undefined: everything is compared. Returns how many entries were written and deleted. */
export async function writeRows(
  tables: ServiceTables,
  installed: Installed,
  wanted: Wanted,
  touched: Touched | undefined,
): Promise<number> {
  const { addresses } = installed;
  const names = new Set<Address>(touched?.addresses ?? wanted.addresses.keys());
  const gone = [...(touched === undefined ? addresses.services.current.keys() : names)].filter(
    (address) => !wanted.addresses.has(address),
  );
  for (const name of installed.unprogrammedAddresses) names.add(name as Address);
  let written = await addresses.services.remove(gone);
  written += await writeServices(tables, installed, wanted.services, touched?.services);
  const rows = [...names].flatMap((name) => wanted.addresses.get(name) ?? []);
  const put = await addresses.services.put(rows.map((row) => [row.address, serviceAddress(row)] as const));
  const node = touched === undefined || touched.node || installed.unprogrammedAddresses.size > 0;
  const further = node ? await writeNode(installed, wanted) : NOTHING_PUT;
  installed.unprogrammedAddresses = new Set([...put.missing, ...further.missing]);
  return written + put.written + further.written;
}

const NOTHING_PUT = { written: 0, missing: [] } as const;

async function writeNode({ addresses }: Installed, { node, ownAddresses }: Wanted) {
  if (node === null) return NOTHING_PUT;
  const nodes = await replaceAll(addresses.nodes, nodeAddresses(node, ownAddresses));
  const cidrs = new Map(node.serviceCidrs.map((prefix) => [prefix, 1] as const));
  const prefixes = await replaceAll(addresses.prefixes, cidrs);
  const echoes = await replaceAll(addresses.echoes, echoAddresses(node));
  return {
    written: nodes.written + prefixes.written + echoes.written,
    missing: [...nodes.missing, ...prefixes.missing, ...echoes.missing] as readonly (Address | Prefix)[],
  };
}

async function replaceAll<Name, Value>(table: NamedEntries<Name, Value>, wanted: ReadonlyMap<Name, Value>) {
  const removed = await table.remove([...table.current.keys()].filter((name) => !wanted.has(name)));
  const { written, missing } = await table.put(wanted);
  return { written: removed + written, missing };
}
