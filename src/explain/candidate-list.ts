/** The candidates of a decision, and what is missing among them, as trace prints them. */
import { formatEndpoint } from '../model/address.ts';
import { compareText } from '../model/names.ts';
import type { ExclusionReason, ServiceRows } from '../model/rows.ts';

/** An endpoint of the Service that this packet can't get, and why. */
export interface ExcludedEndpoint {
  readonly endpoint: string;
  readonly why: ExclusionReason;
}

/** One slot list, ready to print. */
export interface CandidateList {
  /** Sorted `address:port`. */
  readonly candidates: readonly string[];
  /** In the same order. */
  readonly weights: readonly number[];
  readonly excluded: readonly ExcludedEndpoint[];
}

/** The list by name; `none` has no candidates and every reason (a Service without any endpoint). */
export type ListName = 'cluster' | 'local' | 'none';

const known = new WeakMap<ServiceRows, Map<ListName, CandidateList>>();

/** Texts of a slot list; computed once per list, since many probes meet the same Service. */
export function candidateList(service: ServiceRows, list: ListName): CandidateList {
  const lists = known.get(service) ?? new Map<ListName, CandidateList>();
  known.set(service, lists);
  const found = lists.get(list) ?? listTexts(service, list);
  lists.set(list, found);
  return found;
}

function listTexts(service: ServiceRows, list: ListName): CandidateList {
  const backends = list === 'none' ? [] : service[list];
  const candidates = backends
    .map(({ address, port, weight }) => ({ name: formatEndpoint(address, port), weight }))
    .sort((a, b) => compareText(a.name, b.name));
  const excluded = new Map<string, ExcludedEndpoint>();
  for (const each of service.excluded) {
    if (list !== 'none' && each.list !== 'both' && each.list !== list) continue;
    const { endpoint, why } = each;
    excluded.set(`${endpoint} ${why}`, { endpoint, why });
  }
  return {
    candidates: candidates.map(({ name }) => name),
    weights: candidates.map(({ weight }) => weight),
    excluded: [...excluded.values()],
  };
}
