/** What becomes of each map's entries when a build with another layout takes over. */
import type { LAYOUT } from '../../../generated/policy.ts';

/** Names of the maps of the policy programs. */
export type MapName = keyof typeof LAYOUT.maps;

/** Maps of one `group` refer to each other: when one of them changes, all of them are new. */
export type Carriage =
  /**
   * Written by the agent, whose first sync puts right what the new layout could not say. `grows`: entries are numbers that
   * others refer to, so those that only a later agent wrote are taken over too.
   */
  | { readonly kind: 'rows'; readonly group: 'policies' | 'services'; readonly grows?: boolean }
  /** Written by the programs. Where both sides have an entry, the one with the later `time` (a field of the value) stays. */
  | { readonly kind: 'memory'; readonly group?: 'flows'; readonly time: string }
  /** Counted by the programs: carried before they run, so that no count that they make is overwritten. */
  | { readonly kind: 'count'; readonly group?: 'flows' }
  /** Worth nothing afterwards. */
  | { readonly kind: 'fresh'; readonly group?: never };

const POLICIES = { kind: 'rows', group: 'policies' } as const;
const SERVICES = { kind: 'rows', group: 'services' } as const;

export const CARRIAGE: Readonly<Record<MapName, Carriage>> = {
  subjects: POLICIES,
  peer_addresses: POLICIES,
  peer_prefixes: POLICIES,
  verdict_groups: POLICIES,
  port_verdicts: POLICIES,
  revision: POLICIES,
  names: { ...POLICIES, grows: true },
  frontends: SERVICES,
  services: SERVICES,
  slots: SERVICES,
  backends: { ...SERVICES, grows: true },
  service_addresses: SERVICES,
  service_prefixes: SERVICES,
  node_addresses: SERVICES,
  echo_addresses: SERVICES,
  service_names: { ...SERVICES, grows: true },
  affinities: { kind: 'memory', time: 'last_used' },
  backend_states: { kind: 'fresh' },
  service_states: { kind: 'fresh' },
  flows: { kind: 'memory', group: 'flows', time: 'last_seen' },
  fragments: { kind: 'memory', time: 'seen' },
  denials: { kind: 'memory', time: 'seen' },
  usages: { kind: 'count', group: 'flows' },
  drop_counts: { kind: 'count' },
  tallies: { kind: 'count' },
  rule_hits: { kind: 'count' },
  link_ends: { kind: 'fresh' },
  event_rates: { kind: 'fresh' },
  workspace: { kind: 'fresh' },
  events: { kind: 'fresh' },
};

export const MAP_NAMES: readonly MapName[] = Object.keys(CARRIAGE).filter(
  (name): name is MapName => name in CARRIAGE,
);

/** The maps that are new where those in `changed` are. */
export function freshMaps(changed: readonly MapName[]): ReadonlySet<MapName> {
  const groups = new Set(changed.flatMap((name) => CARRIAGE[name].group ?? []));
  const isFresh = (name: MapName): boolean => {
    const { kind, group } = CARRIAGE[name];
    return kind === 'fresh' || changed.includes(name) || (group !== undefined && groups.has(group));
  };
  return new Set(MAP_NAMES.filter(isFresh));
}
