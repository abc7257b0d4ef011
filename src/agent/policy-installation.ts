/**
 * Brings policy rows and local pods' interfaces into the kernel. One call at a time: the loop sees to it. Whatever fails
 * leaves pods judged as before, and new ones closed.
 */

import { isDeepStrictEqual } from 'node:util';
import { listNewbornInterfaces } from '../dataplane/interfaces/newborn-interfaces.ts';
import { isFound } from '../dataplane/interfaces/pod-interface-state.ts';
import type { PodInterfaceWatch } from '../dataplane/interfaces/watch-pod-interfaces.ts';
import type { PolicyBackend, PolicyInstallReport } from '../dataplane/policy-backend.ts';
import type { PodInterface as Joined } from '../dataplane/policy-change.ts';
import { listInterfaces } from '../kernel/network.ts';
import type { Address } from '../model/address.ts';
import { type NodeName, type ObjectName, objectName } from '../model/names.ts';
import type { PodObject } from '../model/objects.ts';
import type { PolicyRowsChange } from '../model/policy-rows.ts';
import { isFinished } from '../model/probe-targets.ts';
import { InstallError, labelled } from './installation.ts';
import type { PolicyPipeline } from './policy-pipeline.ts';
import type { SyncAttempt } from './sync-loop.ts';

export interface PolicyInstallation {
  /**
   * Compiles and writes; interfaces that the kernel refused are in the report.
   * @throws InstallError when rows are not in the kernel
   */
  install(attempt: SyncAttempt): Promise<PolicyInstallReport>;
  /** null until the first install opened it. */
  backend(): PolicyBackend | null;
  /** Whose interface it was at the last install. */
  podBehind(interfaceIndex: number): ObjectName | undefined;
  /** As the last install had them judged. */
  podInterfaces(): Iterable<Joined>;
  close(): Promise<void>;
}

export interface PolicyInstallationOptions {
  readonly pipeline: PolicyPipeline;
  readonly node: NodeName;
  /** Called at the first install, and again as long as it rejects. */
  readonly openBackend: () => Promise<PolicyBackend>;
  /** Done before the first rows are written. */
  readonly onOpened: (backend: PolicyBackend) => Promise<void>;
  readonly podInterfaces: PodInterfaceWatch;
  /** Interfaces that look like a pod's let nothing through before their pod is known. */
  readonly defaultClosed: () => boolean;
}

/** Starts with nothing installed: the first install writes the difference from whatever the kernel holds. */
export function createPolicyInstallation(options: PolicyInstallationOptions): PolicyInstallation {
  const { pipeline, podInterfaces } = options;
  let backend: PolicyBackend | null = null;
  let complete = false;
  let enforced: ReadonlyMap<ObjectName, readonly Address[]> = new Map();
  let joined: ReadonlyMap<ObjectName, Joined> = new Map();
  let pods: ReadonlyMap<number, ObjectName> = new Map();

  /** `rows` null: they could not be compiled. */
  const write = async (attempt: SyncAttempt, rows: PolicyRowsChange | null) => {
    if (backend === null) {
      backend = await options.openBackend();
      await options.onOpened(backend);
    }
    // Before the kernel's first answer every pod would count as missing, and lose its guard.
    await podInterfaces.settled();
    const local = enforcedPods(pipeline.podsOnNode(options.node));
    podInterfaces.setPods(differences(enforced, local));
    enforced = local;
    const next = await joinedNow(options, joined);
    const interfaces = differences(joined, next);
    joined = next;
    pods = new Map([...next.values()].map(({ interfaceIndex, pod }) => [interfaceIndex, pod]));
    if (!complete) {
      const report = await backend.sync(pipeline.policyRows(), next);
      complete = true;
      return report;
    }
    const report = await backend.apply(rows === null ? { interfaces } : { rows, interfaces });
    return attempt.repair ? backend.repair() : report;
  };

  return {
    async install(attempt) {
      const { rows, error } = compiled(pipeline);
      // What an earlier agent left is better than nothing.
      if (error !== null && !complete) throw error;
      const report = await labelled('policies are not in the kernel', () => write(attempt, rows));
      if (error !== null) throw error;
      return report;
    },
    backend: () => backend,
    podBehind: (interfaceIndex) => pods.get(interfaceIndex),
    podInterfaces: () => joined.values(),
    async close() {
      await backend?.close();
    },
  };
}

/** The interfaces as they are to be judged; `before`: as they were. */
async function joinedNow(
  { pipeline, podInterfaces, defaultClosed }: PolicyInstallationOptions,
  before: ReadonlyMap<ObjectName, Joined>,
): Promise<ReadonlyMap<ObjectName, Joined>> {
  const next = new Map<ObjectName, Joined>();
  for (const [pod, state] of podInterfaces.current) {
    if (!isFound(state)) continue;
    const { interfaceIndex, addresses } = state;
    const last = before.get(pod);
    // Where compiling failed, pods that have rows keep those.
    const isKnown = last !== undefined && last.interfaceIndex === interfaceIndex && !last.held;
    const held = !isKnown && !pipeline.isCompiled(pod);
    const isSame =
      last?.addresses === addresses && last.interfaceIndex === interfaceIndex && last.held === held;
    next.set(pod, isSame ? last : { pod, interfaceIndex, addresses, held });
  }
  const used = new Set([...next.values()].map(({ interfaceIndex }) => interfaceIndex));
  const left = [...before.values()]
    .map(({ interfaceIndex }) => interfaceIndex)
    .filter((index) => !used.has(index));
  const strangers = defaultClosed() ? await unknownInterfaces(podInterfaces, used) : [];
  for (const interfaceIndex of new Set([...(await standing(left)), ...strangers])) {
    // No pod is here yet, or it is gone, or another one now: nobody knows who talks.
    const pod = `interface ${interfaceIndex}` as ObjectName;
    next.set(pod, { pod, interfaceIndex, addresses: [], held: true });
  }
  return next;
}

function compiled(pipeline: PolicyPipeline) {
  try {
    return { rows: pipeline.compilePolicies(), error: null };
  } catch (cause) {
    return { rows: null, error: new InstallError('policies could not be compiled', cause) };
  }
}

/** Interfaces that are no known pod's, or none's that has an address. */
async function unknownInterfaces(
  podInterfaces: Pick<PodInterfaceWatch, 'strangers'>,
  used: ReadonlySet<number>,
): Promise<readonly number[]> {
  const newborn = (await listNewbornInterfaces()).filter((index) => !used.has(index));
  return [...podInterfaces.strangers().keys(), ...newborn];
}

/** Those of the interfaces that are still there. */
async function standing(indexes: readonly number[]): Promise<readonly number[]> {
  if (indexes.length === 0) return [];
  const there = new Set((await listInterfaces()).map(({ index }) => index));
  return indexes.filter((index) => there.has(index));
}

/** Addresses of pods that policies can be about: those of the host's network are the node, and finished ones have left. */
function enforcedPods(pods: Iterable<PodObject>): ReadonlyMap<ObjectName, readonly Address[]> {
  const enforced = [...pods].filter((pod) => !pod.hostNetwork && !isFinished(pod));
  return new Map(enforced.map(({ namespace, name, addresses }) => [objectName(namespace, name), addresses]));
}

function differences<Value>(
  before: ReadonlyMap<ObjectName, Value>,
  after: ReadonlyMap<ObjectName, Value>,
): ReadonlyMap<ObjectName, Value | null> {
  const changes = new Map<ObjectName, Value | null>();
  for (const [pod, value] of after) {
    const last = before.get(pod);
    // Most are the same object, and comparing the insides of all would be most of the work of a change.
    if (value !== last && !isDeepStrictEqual(value, last)) changes.set(pod, value);
  }
  for (const pod of before.keys()) if (!after.has(pod)) changes.set(pod, null);
  return changes;
}
