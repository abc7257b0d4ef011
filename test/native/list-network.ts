/** Prints the interfaces of its own namespace, and the addresses in the namespaces at their other ends. */
import { listInterfaces, listNeighbourAddresses } from '../../src/kernel/network.ts';

const interfaces = await listInterfaces();
const ids = interfaces.flatMap(({ peer }) => peer?.namespace ?? []);
const addresses = await Promise.all(ids.map((id) => listNeighbourAddresses(id)));
process.stdout.write(JSON.stringify({ names: interfaces.map(({ name }) => name), ids, addresses }));
