/**
 * Local pods and the node's network → each pod's interface, or why it has none. Kept up to date change by change: a change
 * costs the pods it concerns.
 */
import { isDeepStrictEqual } from 'node:util';
import type { NetworkChange, NetworkInterface } from '../../kernel/network.ts';
import type { NetworkSnapshot } from '../../kernel/network-stream.ts';
import type { Address } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import { chooseInterface } from './choice.ts';
import { type Choice, createChoices } from './choices.ts';
import { explainMissing } from './missing-interface.ts';
import { createNetworkIndex, type NetworkIndex } from './network-index.ts';
import { isFound, type PodDevice, type PodInterfaceState, type Stranger } from './pod-interface-state.ts';
import { createRelation, type Relation } from './relation.ts';

/** The whole new state of each pod that has another one, or null where the pod went. */
export type PodInterfaceChanges = ReadonlyMap<ObjectName, PodInterfaceState | null>;

export interface PodInterfaces {
  /** Every pod. */
  readonly current: ReadonlyMap<ObjectName, PodInterfaceState>;
  /** By index. Looks at all veths. */
  strangers(): ReadonlyMap<number, Stranger>;
  /** Pods of this node with addresses of their own (no hostNetwork); null, or no address: it went. */
  setPods(pods: ReadonlyMap<ObjectName, readonly Address[] | null>): PodInterfaceChanges;
  /** Everything that was known of the network is replaced. */
  setNetwork(snapshot: Omit<NetworkSnapshot, 'ownAddresses'>): PodInterfaceChanges;
  applyNetwork(changes: readonly NetworkChange[]): PodInterfaceChanges;
  /** What was found in the namespaces of processes; null: looked for, and not there. Only explains missing interfaces. */
  setDevices(devices: ReadonlyMap<Address, PodDevice | null>): PodInterfaceChanges;
}

export function createPodInterfaces(): PodInterfaces {
  let network = createNetworkIndex({ interfaces: [], routes: [], addresses: [] });
  const pods = createRelation<ObjectName, Address>();
  const devices = new Map<Address, PodDevice | null>();
  const current = new Map<ObjectName, PodInterfaceState>();
  const podsAt = (addresses: readonly Address[]) => addresses.flatMap(pods.leftsOf);
  const choices = createChoices((pod) =>
    chooseInterface(pods.rightsOf(pod), network, (addresses) => new Set(podsAt(addresses)).size),
  );
  const stateOf = (pod: ObjectName): PodInterfaceState | null => {
    const addresses = pods.rightsOf(pod);
    if (addresses.length === 0) return null;
    const choice = choices.of(pod);
    if (choice === undefined) return { ...explainMissing(addresses, network, devices), addresses };
    return { ...joinOf(pod, choice, network), addresses };
  };
  const update = (touched: Iterable<ObjectName>): PodInterfaceChanges => {
    const changes = new Map<ObjectName, PodInterfaceState | null>();
    for (const pod of choices.renew(touched)) {
      const state = stateOf(pod);
      // Should it go, what was seen in the pod before is no explanation.
      if (state !== null && isFound(state)) for (const address of state.addresses) devices.delete(address);
      if (isDeepStrictEqual(state, current.get(pod) ?? null)) continue;
      if (state === null) current.delete(pod);
      else current.set(pod, state);
      changes.set(pod, state);
    }
    return changes;
  };
  return {
    current,
    strangers() {
      const hasPod = ({ index }: NetworkInterface) => podsAt(network.addressesBehind(index)).length > 0;
      const unknown = network.inhabited().filter((each) => !hasPod(each));
      return new Map(unknown.map((each) => [each.index, strangerOf(each)]));
    },
    setPods(changes) {
      const touched: ObjectName[] = [];
      for (const [pod, addresses] of changes) {
        // How many pods are behind an interface decides for all of them.
        touched.push(pod, ...podsAt(addressesBeside(pods.rightsOf(pod), network)));
        setPod(pods, pod, addresses ?? []);
        touched.push(...podsAt(addressesBeside(pods.rightsOf(pod), network)));
      }
      for (const address of devices.keys()) if (podsAt([address]).length === 0) devices.delete(address);
      return update(touched);
    },
    setNetwork(snapshot) {
      network = createNetworkIndex(snapshot);
      return update(current.keys());
    },
    applyNetwork: (changes) => update(podsAt([...network.apply(changes)])),
    setDevices(found) {
      for (const [address, device] of found) if (podsAt([address]).length > 0) devices.set(address, device);
      return update(podsAt([...found.keys()]));
    },
  };
}

function setPod(pods: Relation<ObjectName, Address>, pod: ObjectName, addresses: readonly Address[]): void {
  for (const address of pods.rightsOf(pod)) pods.delete(pod, address);
  for (const address of addresses) pods.add(pod, address);
}

/** All that lies behind the interfaces that lead to these. */
function addressesBeside(addresses: readonly Address[], network: NetworkIndex): readonly Address[] {
  const ways = addresses.flatMap(network.waysTo);
  return ways.flatMap((way) => network.addressesBehind(way.interface.index));
}

function strangerOf({ index, name }: NetworkInterface): Stranger {
  return { interfaceIndex: index, interfaceName: name };
}

function joinOf(pod: ObjectName, { holder, how, interface: own }: Choice, network: NetworkIndex) {
  const { index, name } = own;
  if (holder !== pod) return { missing: 'shared-interface', detail: `${name}, which ${holder} has` } as const;
  return { interfaceIndex: index, interfaceName: name, how, bridge: network.bridgeOf(own) } as const;
}
