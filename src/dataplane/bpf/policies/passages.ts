/**
 * Between which interfaces packets may go past the node's stack: those where that passes by nobody. Programs, filters and
 * queues that others put on an interface would not see such packets, and what is a bridge's is left to it.
 */
import { type Other, othersOn } from '../../../kernel/bpf-program.ts';
import { listInterfaces, type NetworkPlace } from '../../../kernel/network.ts';
import type { PassageFigures } from '../../policy-backend.ts';
import type { PolicyDataplane } from './dataplane.ts';
import type { Guards } from './guards.ts';

export interface Passages {
  /** Looks at these interfaces, and has packets go by what was found; where that fails, by the stack. */
  renew(interfaces: Iterable<number>): Promise<void>;
  /** null: all packets go by the stack. */
  figures(): PassageFigures | null;
}

/** All packets go by the stack. */
export const NO_PASSAGES: Passages = { renew: async () => undefined, figures: () => null };

export function createPassages(
  guards: Pick<Guards, 'programs'>,
  dataplane: Pick<PolicyDataplane, 'allowPassages'>,
  place: NetworkPlace,
): Passages {
  let figures: PassageFigures = { interfaces: 0, refused: [], lastError: null };
  return {
    async renew(interfaces) {
      let looks: ReadonlyMap<number, Look> = new Map();
      let lastError: string | null = null;
      try {
        looks = await lookAt([...interfaces], guards, place);
      } catch (error) {
        lastError = error instanceof Error ? error.message : String(error);
      }
      const free = [...looks].filter(([, { why }]) => why.length === 0).map(([index]) => index);
      const refused = [...looks.values()].filter(({ why }) => why.length > 0);
      figures = { interfaces: free.length, refused, lastError };
      await dataplane.allowPassages(new Set(free));
    },
    figures: () => figures,
  };
}

type Look = PassageFigures['refused'][number];

/** By interface; those that are gone are left out. */
async function lookAt(
  interfaces: readonly number[],
  guards: Pick<Guards, 'programs'>,
  place: NetworkPlace,
): Promise<ReadonlyMap<number, Look>> {
  const [all, others] = await Promise.all([
    listInterfaces(place),
    guards.programs().then((own) => othersOn(interfaces, own, place.networkNamespace)),
  ]);
  const known = new Map(all.map((each) => [each.index, each]));
  return new Map(
    interfaces.flatMap((index): [number, Look][] => {
      const found = known.get(index);
      if (found === undefined) return [];
      const why: (Other | 'bridge')[] = [...(others.get(index) ?? [])];
      if (found.master !== null) why.push('bridge');
      return [[index, { interface: found.name, why }]];
    }),
  );
}
