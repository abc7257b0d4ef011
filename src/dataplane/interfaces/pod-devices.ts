/** Looks for pods' addresses in the namespaces of all processes: the way to explain why no veth leads to a pod. */
import { listAddresses, listInterfaces, type NetworkPlace } from '../../kernel/network.ts';
import { processNamespaces } from '../../kernel/process-namespaces.ts';
import type { Address } from '../../model/address.ts';
import type { PodDevice } from './pod-interface-state.ts';

/**
 * What has each address, in another namespace than `place`; null where no process is seen that has it. One namespace after the
 * other, until all is found, so that nothing else waits for it.
 */
export async function findPodDevices(
  addresses: Iterable<Address>,
  place: NetworkPlace = {},
): Promise<ReadonlyMap<Address, PodDevice | null>> {
  const devices = new Map<Address, PodDevice | null>();
  for (const address of addresses) devices.set(address, null);
  let left = devices.size;
  for (const networkNamespace of left === 0 ? [] : await processNamespaces(place)) {
    for (const [address, device] of await devicesIn({ networkNamespace })) {
      if (devices.get(address) !== null) continue;
      devices.set(address, device);
      left -= 1;
    }
    if (left === 0) break;
  }
  return devices;
}

async function devicesIn(place: NetworkPlace): Promise<readonly (readonly [Address, PodDevice])[]> {
  try {
    const [addresses, interfaces] = await Promise.all([listAddresses(place), listInterfaces(place)]);
    const byIndex = new Map(interfaces.map(({ index, name, kind }) => [index, { name, kind }]));
    return addresses.flatMap(({ address, interfaceIndex }) => {
      const device = byIndex.get(interfaceIndex);
      return device === undefined ? [] : [[address, device] as const];
    });
  } catch {
    // Its last process ended, or it may not be entered: whatever is there stays unexplained.
    return [];
  }
}
