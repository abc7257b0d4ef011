/** How addresses of local pods stand beside programs on interfaces: a change costs the pods that it is about. */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { Standing } from './nft/policies/closed-table.ts';

/** What a pod says of its addresses. */
export interface Claim {
  readonly standing: Standing;
  readonly addresses: readonly Address[];
}

export interface AddressStandings {
  /** The pod's whole new claim; undefined: none. */
  claim(pod: ObjectName, claim: Claim | undefined): void;
  /** How each address stands of which a claim changed since the last `told`; null: nobody claims it. */
  untold(): ReadonlyMap<Address, Standing | null>;
  told(): void;
}

export function createAddressStandings(): AddressStandings {
  const claims = new Map<ObjectName, Claim>();
  const counts = new Map<Address, Record<Standing, number>>();
  const changed = new Set<Address>();
  const count = ({ standing, addresses }: Claim, more: 1 | -1): void => {
    for (const address of addresses) {
      const claimed = counts.get(address) ?? { closed: 0, known: 0 };
      claimed[standing] += more;
      if (claimed.closed + claimed.known === 0) counts.delete(address);
      else counts.set(address, claimed);
      changed.add(address);
    }
  };
  const standingOf = (address: Address): Standing | null => {
    const claimed = counts.get(address);
    if (claimed === undefined) return null;
    // A pod that is going may still be said to have the address of one that is there.
    return claimed.known > 0 ? 'known' : 'closed';
  };
  return {
    claim(pod, claim) {
      const before = claims.get(pod);
      if (before?.standing === claim?.standing && before?.addresses === claim?.addresses) return;
      if (before !== undefined) count(before, -1);
      if (claim !== undefined) count(claim, 1);
      if (claim === undefined) claims.delete(pod);
      else claims.set(pod, claim);
    },
    untold: () => new Map([...changed].map((address) => [address, standingOf(address)])),
    told: () => changed.clear(),
  };
}
