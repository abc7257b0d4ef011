/** A backend beside which this node's pod networks are closed but for known pods, agent or not. */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { ClosedNetworks } from './nft/policies/closed-networks.ts';
import type { PolicyBackend, PolicyFigures } from './policy-backend.ts';
import type { PodInterface } from './policy-change.ts';

/** Addresses open when the backend has their pod's rows. */
export function closingNetworks(backend: PolicyBackend, networks: ClosedNetworks): PolicyBackend {
  let joined = new Map<ObjectName, PodInterface>();
  let isOpen = false;
  let repairs = 0;
  const openKnown = async (): Promise<void> => {
    if (isOpen) return;
    await networks.open([...joined.values()].flatMap(({ addresses }): readonly Address[] => addresses));
    isOpen = true;
  };
  return {
    ...backend,
    async sync(rows, interfaces) {
      joined = new Map(interfaces);
      isOpen = false;
      const report = await backend.sync(rows, interfaces);
      await openKnown();
      return report;
    },
    async apply(change) {
      for (const [pod, value] of change.interfaces ?? []) {
        if (value === null) joined.delete(pod);
        else joined.set(pod, value);
        isOpen = false;
      }
      const report = await backend.apply(change);
      await openKnown();
      return report;
    },
    async repair() {
      const report = await backend.repair();
      if (await networks.repair()) repairs += 1;
      return report;
    },
    async figures() {
      const [figures, closed] = await Promise.all([backend.figures(), networks.drops()]);
      const drops = figures.drops.map((drop): PolicyFigures['drops'][number] =>
        drop.reason === 'closed'
          ? { ...drop, ingress: drop.ingress + closed.ingress, egress: drop.egress + closed.egress }
          : drop,
      );
      return { ...figures, drops, repairs: figures.repairs + repairs };
    },
    async close() {
      await networks.close();
      await backend.close();
    },
  };
}
