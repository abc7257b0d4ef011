/** What a lab looks like now. */

import { objectName } from '../model/names.ts';
import type { NodeObject, PodObject } from '../model/objects.ts';
import { agentLog, agentStatus } from './agents.ts';
import { objectsOf } from './documents.ts';
import { objectsDirectory } from './lab-names.ts';
import { isRunning } from './processes.ts';
import { type LabState, readState } from './state.ts';

export interface LabNodeStatus {
  readonly name: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  readonly podCidrs: readonly string[];
  /** null: the lab runs without agents. */
  readonly agent: LabAgentStatus | null;
}

export interface LabAgentStatus {
  readonly instance: string;
  readonly pid: number;
  readonly running: boolean;
  readonly log: string;
  /** What the agent's GET /status answers; null where it does not. */
  readonly status: unknown;
}

export interface LabPodStatus {
  /** `namespace/name`. */
  readonly name: string;
  readonly node: string;
  readonly namespace: string;
  readonly addresses: readonly string[];
  /** `80/TCP`. */
  readonly ports: readonly string[];
  readonly ready: boolean;
  readonly pid: number;
  readonly running: boolean;
}

export interface LabStatus {
  readonly name: string;
  /** The agents' manifests. */
  readonly objects: string;
  /** By name. */
  readonly nodes: readonly LabNodeStatus[];
  /** By namespace, then name. */
  readonly pods: readonly LabPodStatus[];
  readonly notes: readonly string[];
}

/** @throws LabError (usage) if there is no such lab */
export async function labStatus({ name }: { readonly name: string }): Promise<LabStatus> {
  const state = readState(name);
  const objects = objectsOf(state.documents);
  const nodes = new Map(objects.flatMap((object) => (object.kind === 'Node' ? [[object.name, object]] : [])));
  const pods = new Map(
    objects.flatMap((object) =>
      object.kind === 'Pod' ? [[objectName(object.namespace, object.name) as string, object]] : [],
    ),
  );
  return {
    name,
    objects: objectsDirectory(name),
    nodes: await Promise.all(nodeStatuses(state, nodes)),
    pods: state.plan.processes.flatMap(({ id, namespace }) => {
      const pod = pods.get(id);
      return pod === undefined ? [] : [podStatus(state, id, namespace, pod)];
    }),
    notes: [...state.plan.notes, ...state.notes],
  };
}

function nodeStatuses(
  state: LabState,
  nodes: ReadonlyMap<string, NodeObject>,
): readonly Promise<LabNodeStatus>[] {
  return state.plan.processes
    .filter(({ id }) => id.startsWith('node/'))
    .map(async ({ node: name, namespace }) => {
      const node = nodes.get(name);
      return {
        name,
        namespace,
        addresses: (node?.addresses ?? []).map(({ address }) => address),
        podCidrs: node?.podCidrs ?? [],
        agent: await agentOf(state, name),
      };
    });
}

async function agentOf(state: LabState, node: string): Promise<LabAgentStatus | null> {
  const agent = state.plan.agents.find((each) => each.node === node);
  if (agent === undefined) return null;
  const pid = state.agentPids[node] ?? 0;
  return {
    instance: agent.instance,
    pid,
    running: isRunning(pid),
    log: agentLog(state.name, agent),
    status: await agentStatus(agent),
  };
}

function podStatus(state: LabState, name: string, namespace: string, pod: PodObject): LabPodStatus {
  const pid = state.processes[name] ?? 0;
  return {
    name,
    node: pod.nodeName ?? '',
    namespace,
    addresses: pod.addresses,
    ports: pod.ports.map(({ port, protocol }) => `${port}/${protocol}`),
    ready: pod.ready,
    pid,
    running: isRunning(pid),
  };
}
