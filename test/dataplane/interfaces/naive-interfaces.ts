/** Pods' interfaces the long way round: everything is looked at again, by the sentences of the design. */
import type { HostRoute, NeighbourAddress, NetworkInterface } from '../../../src/kernel/network.ts';
import type { Address } from '../../../src/model/address.ts';
import type { ObjectName } from '../../../src/model/names.ts';

/** What there is now, in no form that helps finding. */
export interface Scene {
  readonly interfaces: readonly NetworkInterface[];
  readonly routes: readonly HostRoute[];
  readonly addresses: readonly NeighbourAddress[];
  readonly pods: ReadonlyMap<ObjectName, readonly Address[]>;
}

/** Index of the interface that each pod has; null: none, or it is another pod's. */
export function naiveInterfaces(scene: Scene): ReadonlyMap<ObjectName, number | null> {
  const choices = new Map([...scene.pods].map(([pod, addresses]) => [pod, choiceOf(scene, addresses)]));
  const result = new Map<ObjectName, number | null>();
  for (const [pod, choice] of choices) {
    const isTaken = [...choices].some(([other, chosen]) => chosen === choice && other < pod);
    result.set(pod, choice === null || isTaken ? null : choice);
  }
  return result;
}

function choiceOf(scene: Scene, addresses: readonly Address[]): number | null {
  const veths = scene.interfaces.filter(({ kind, peer }) => kind === 'veth' && peer?.namespace != null);
  let best: { readonly index: number; readonly rating: readonly number[] } | null = null;
  for (const veth of veths) {
    const routed = addresses.filter((address) => isRouted(scene, address, veth)).length;
    const held = addresses.filter((address) => isHeld(scene, address, veth)).length;
    if (routed + held === 0) continue;
    const rating = [routed, held, -podsBehind(scene, veth), veth.index];
    if (best === null || compare(rating, best.rating) > 0) best = { index: veth.index, rating };
  }
  return best?.index ?? null;
}

function isRouted(scene: Scene, address: Address, veth: NetworkInterface): boolean {
  return scene.routes.some((route) => route.address === address && route.interfaceIndex === veth.index);
}

function isHeld(scene: Scene, address: Address, { peer }: NetworkInterface): boolean {
  return scene.addresses.some(
    (held) =>
      held.address === address && held.namespace === peer?.namespace && held.interfaceIndex === peer.index,
  );
}

function podsBehind(scene: Scene, veth: NetworkInterface): number {
  return [...scene.pods.values()].filter((addresses) =>
    addresses.some((address) => isRouted(scene, address, veth) || isHeld(scene, address, veth)),
  ).length;
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
