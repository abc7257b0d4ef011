/** Why no veth leads to a pod, as far as that is known. */
import type { Address } from '../../model/address.ts';
import type { NetworkIndex } from './network-index.ts';
import type { MissingReason, PodDevice } from './pod-interface-state.ts';

const REASONS: Readonly<Record<string, MissingReason>> = {
  macvlan: 'macvlan',
  macvtap: 'macvlan',
  ipvlan: 'ipvlan',
  ipvtap: 'ipvlan',
  '': 'host-device',
};

/** The reason, and more of it for people. */
export interface Explanation {
  readonly missing: MissingReason;
  readonly detail: string;
}

/** `devices`: by address, what has it in the pod; null: no process was found that sees it. */
export function explainMissing(
  addresses: readonly Address[],
  network: NetworkIndex,
  devices: ReadonlyMap<Address, PodDevice | null>,
): Explanation {
  for (const address of addresses) {
    const device = devices.get(address) ?? null;
    if (device !== null) return onDevice(device);
  }
  const way = addresses.flatMap(network.waysTo)[0];
  if (way !== undefined) {
    const { name, kind } = way.interface;
    return {
      missing: 'no-veth',
      detail: `the node's route goes by ${name}${kind === '' ? '' : ` (${kind})`}`,
    };
  }
  return addresses.every((address) => devices.has(address))
    ? { missing: 'not-found', detail: '' }
    : { missing: 'searching', detail: '' };
}

function onDevice({ name, kind }: PodDevice): Explanation {
  const missing = REASONS[kind] ?? 'no-veth';
  if (kind === 'veth') return { missing, detail: `its ${name} ends in another namespace than the node's` };
  return { missing, detail: kind === '' ? `its ${name}` : `its ${name} (${kind})` };
}
