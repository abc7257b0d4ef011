/** Whose an address is, for people. A change costs the pods it is about, and nothing before somebody asks. */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import { isFinished } from '../model/probe-targets.ts';

export interface PodAddresses {
  /** What is known of these pods has changed. */
  touch(pods: Iterable<ObjectName>): void;
  /** The pod that has it; undefined: none. */
  podAt(address: Address): ObjectName | undefined;
}

/** `pods`: live. Those of the host's network have the node's addresses, which name nobody; finished ones have left theirs. */
export function createPodAddresses(pods: ReadonlyMap<ObjectName, PodObject>): PodAddresses {
  const owners = new Map<Address, ObjectName>();
  const addressesOf = new Map<ObjectName, readonly Address[]>();
  let touched: Set<ObjectName> | 'everything' = 'everything';
  const read = (name: ObjectName): void => {
    for (const address of addressesOf.get(name) ?? [])
      if (owners.get(address) === name) owners.delete(address);
    const pod = pods.get(name);
    if (pod === undefined || pod.hostNetwork || isFinished(pod)) {
      addressesOf.delete(name);
      return;
    }
    for (const address of pod.addresses) owners.set(address, name);
    addressesOf.set(name, pod.addresses);
  };
  return {
    touch(names) {
      if (touched !== 'everything') for (const name of names) touched.add(name);
    },
    podAt(address) {
      for (const name of touched === 'everything' ? pods.keys() : touched) read(name);
      touched = new Set();
      return owners.get(address);
    },
  };
}
