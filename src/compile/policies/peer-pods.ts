/** Pods as peers: who has which address, and which ports are called how. */
import type { Address } from '../../model/address.ts';
import { compareText, type ObjectName, type Protocol } from '../../model/names.ts';
import type { ContainerPort, PodObject } from '../../model/objects.ts';
import { isFinished } from '../../model/probe-targets.ts';
import { createPostings } from './postings.ts';

/** Whether policies can be about the pod: it runs, and in a network of its own (C14, C19). */
export function isPolicyPod(pod: PodObject): boolean {
  return !pod.hostNetwork && !isFinished(pod);
}

/** The port that a name means: the first of each protocol, as Kubernetes takes it. */
export function namedPorts(pod: PodObject): readonly ContainerPort[] {
  const seen = new Set<string>();
  return pod.ports.filter(({ name, protocol }) => {
    const key = `${name}/${protocol}`;
    if (name === '' || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

export interface PeerPods {
  get(name: ObjectName): PodObject | undefined;
  /** null: gone, or none that policies can be about. */
  set(name: ObjectName, pod: PodObject | null): void;
  /** Whose the address is: of several, the youngest that is not being deleted. */
  ownerOf(address: Address): ObjectName | undefined;
  withPortName(name: string): ReadonlySet<ObjectName>;
  /** Whether a pod (of that namespace, unless null) calls a port so; `protocol` null: of any protocol. */
  anyHas(portName: string, protocol: Protocol | null, namespace: string | null): boolean;
  /** Grows when an answer of `anyHas` may have changed. */
  portNamesVersion(): number;
}

export function createPeerPods(): PeerPods {
  const pods = new Map<ObjectName, PodObject>();
  const byAddress = createPostings<ObjectName>();
  const byPortText = createPostings<ObjectName>();

  return {
    get: (name) => pods.get(name),
    set(name, pod) {
      const before = pods.get(name);
      for (const address of before?.addresses ?? []) byAddress.remove(address, name);
      for (const text of before === undefined ? [] : portTexts(before)) byPortText.remove(text, name);
      if (pod === null) {
        pods.delete(name);
        return;
      }
      pods.set(name, pod);
      for (const address of pod.addresses) byAddress.add(address, name);
      for (const text of portTexts(pod)) byPortText.add(text, name);
    },
    ownerOf(address) {
      const names = [...byAddress.of(address)];
      if (names.length < 2) return names[0];
      const claims = names.map((name) => ({ name, pod: pods.get(name) as PodObject }));
      return claims.sort(compareClaims)[0]?.name;
    },
    withPortName: (name) => byPortText.of(portText(name, null, null)),
    portNamesVersion: byPortText.version,
    anyHas: (portName, protocol, namespace) =>
      byPortText.of(portText(portName, protocol, namespace)).size > 0,
  };
}

/** All that somebody may ask of the pod's port names. */
function portTexts(pod: PodObject): readonly string[] {
  return namedPorts(pod).flatMap(({ name, protocol }) =>
    [null, pod.namespace].flatMap((namespace) => [
      portText(name, null, namespace),
      portText(name, protocol, namespace),
    ]),
  );
}

function portText(name: string, protocol: Protocol | null, namespace: string | null): string {
  return `${name} ${protocol ?? ''} ${namespace ?? ''}`;
}

interface Claim {
  readonly name: ObjectName;
  readonly pod: PodObject;
}

/** A pod without a creation time is the youngest. */
function compareClaims(a: Claim, b: Claim): number {
  const age = ({ pod }: Claim) => pod.createdAtMs ?? Number.MAX_VALUE;
  return Number(a.pod.deleting) - Number(b.pod.deleting) || age(b) - age(a) || compareText(a.name, b.name);
}
