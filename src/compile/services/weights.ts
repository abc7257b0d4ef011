/** Weights of endpoints: the annotation on their Pod, else that on their EndpointSlice (F8, E14). */
import type { Address } from '../../model/address.ts';
import type { ObjectName } from '../../model/names.ts';
import type { EndpointSliceObject, PodObject, Problem, SliceEndpoint } from '../../model/objects.ts';
import { DEFAULT_WEIGHT } from '../../model/rows.ts';
import { sameData } from './equality.ts';
import { annotationValue, type Finding, problemOf } from './problems.ts';

const ANNOTATION = 'weir.dev/weight';
const LARGEST_WEIGHT = 1000;

/** The pods that have the annotation, right or wrong: usually none. */
export interface WeightedPods {
  /** Takes a pod's new state (undefined: it is gone); returns the addresses whose endpoints may have another weight. */
  replace(name: ObjectName, before: PodObject | undefined, after: PodObject | undefined): readonly Address[];
  /** The pod that the endpoint names, if it has the annotation and the endpoint's address. */
  podOf(endpoint: SliceEndpoint): PodObject | undefined;
}

/** No pods yet. */
export function createWeightedPods(): WeightedPods {
  const pods = new Map<ObjectName, PodObject>();
  return {
    replace(name, before, after) {
      const [old, now] = [before, after].map((pod) =>
        pod && ANNOTATION in pod.annotations ? pod : undefined,
      );
      if (now === undefined) pods.delete(name);
      else pods.set(name, now);
      const isSame =
        old?.annotations[ANNOTATION] === now?.annotations[ANNOTATION] &&
        sameData(old?.addresses, now?.addresses);
      return isSame ? [] : [...(old?.addresses ?? []), ...(now?.addresses ?? [])];
    },
    podOf({ targetPod, addresses: [address] }) {
      const pod = targetPod === null || pods.size === 0 ? undefined : pods.get(targetPod);
      return address !== undefined && pod?.addresses.includes(address) ? pod : undefined;
    },
  };
}

/** Weights of one Service's endpoints. */
export interface EndpointWeights {
  /** 0: the endpoint is in maintenance. */
  weightOf(slice: EndpointSliceObject, endpoint: SliceEndpoint): number;
  /** Of slices and pods whose annotation is no weight. */
  readonly problems: readonly Problem[];
}

/** Weights of the endpoints of these slices; a value that is no weight counts as none. */
export function endpointWeights(slices: readonly EndpointSliceObject[], pods: WeightedPods): EndpointWeights {
  const problems: Problem[] = [];
  const known = new Map<EndpointSliceObject | PodObject, number | null>();
  const read = (object: EndpointSliceObject | PodObject): void => {
    const findings: Finding[] = [];
    if (!known.has(object)) known.set(object, readWeight(object, findings));
    problems.push(...findings.map((finding) => problemOf(object, finding)));
  };
  for (const slice of slices) {
    read(slice);
    for (const endpoint of slice.endpoints) {
      const pod = pods.podOf(endpoint);
      if (pod !== undefined) read(pod);
    }
  }
  return {
    weightOf(slice, endpoint) {
      const pod = pods.podOf(endpoint);
      return (pod && known.get(pod)) ?? known.get(slice) ?? DEFAULT_WEIGHT;
    },
    problems,
  };
}

function readWeight(object: EndpointSliceObject | PodObject, findings: Finding[]): number | null {
  const parse = (text: string) =>
    /^\d{1,4}$/.test(text) && Number(text) <= LARGEST_WEIGHT ? Number(text) : undefined;
  return annotationValue<number | null>(object, findings, {
    name: ANNOTATION,
    parse,
    otherwise: null,
    effect: `it counts as no weight`,
    remedy: `use a whole number from 0 (no new connections) to ${LARGEST_WEIGHT}`,
  });
}
