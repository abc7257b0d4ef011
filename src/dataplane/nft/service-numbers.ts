/**
 * Numbers of services in this kernel. A number means one service for as long as anything may refer to it: a restarted
 * agent adopts those it finds, and new ones are above every number that was ever seen in a set.
 */
import type { ServiceId } from '../../model/rows.ts';
import { type Element, elementBytes, numberFromKey } from './element.ts';
import type { SetName } from './layout.ts';
import { serviceNumberOf, serviceTag } from './lower-service.ts';

export interface ServiceNumbers {
  numberOf(service: ServiceId): number;
  /** Forgets the service; its number is not given again. */
  forget(service: ServiceId): void;
}

/** `observed`: what the kernel holds now; empty for a new table. */
export function createServiceNumbers(
  observed: ReadonlyMap<SetName, ReadonlyMap<string, Element>>,
): ServiceNumbers {
  const byTag = adoptable(observed);
  const numbers = new Map<ServiceId, number>();
  let last = highest(observed);
  return {
    numberOf(service) {
      const known = numbers.get(service);
      if (known !== undefined) return known;
      const tag = serviceTag(service);
      const number = byTag.get(tag) ?? ++last;
      byTag.delete(tag);
      numbers.set(service, number);
      return number;
    },
    forget(service) {
      numbers.delete(service);
    },
  };
}

function adoptable(observed: ReadonlyMap<SetName, ReadonlyMap<string, Element>>): Map<string, number> {
  const byTag = new Map<string, number>();
  const owner = new Map<number, string>();
  const contested = new Set<number>();
  for (const set of ['service4', 'service6'] as const) {
    for (const element of observed.get(set)?.values() ?? []) {
      const { comment } = element;
      if (comment === undefined) continue;
      const number = serviceNumberOf(elementBytes(element));
      // A number with two owners means that somebody wrote here; neither keeps it (H19).
      if ((owner.get(number) ?? comment) !== comment) contested.add(number);
      owner.set(number, comment);
      byTag.set(comment, number);
    }
  }
  return new Map([...byTag].filter(([, number]) => !contested.has(number)));
}

function highest(observed: ReadonlyMap<SetName, ReadonlyMap<string, Element>>): number {
  let number = 0;
  const see = (candidate: number) => {
    if (candidate > number) number = candidate;
  };
  for (const set of ['service4', 'service6'] as const)
    for (const element of observed.get(set)?.values() ?? []) see(serviceNumberOf(elementBytes(element)));
  for (const set of ['slot4', 'slot6', 'sticky-learn'] as const)
    for (const { key } of observed.get(set)?.values() ?? []) see(numberFromKey(key, 0));
  for (const [set, offset] of [
    ['affinity4', 4],
    ['affinity6', 16],
  ] as const)
    for (const { key } of observed.get(set)?.values() ?? []) see(numberFromKey(key, offset));
  return number;
}
