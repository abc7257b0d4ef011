/** The lab: a cluster of network namespaces on this machine. What the commands of `weir lab` do. */
import { type AddressPool, poolsText } from '../cluster/address-pool.ts';
import type { Problem } from '../model/objects.ts';
import { type Manifests, readManifests } from '../source/manifests.ts';
import { changeLab, type OnStep } from './change-lab.ts';
import { applyDocuments, deleteDocuments, type LabDocument } from './documents.ts';
import { type LabDownResult, takeDown } from './down.ts';
import { LabError } from './lab-error.ts';
import { checkLabName } from './lab-names.ts';
import { withLock } from './lock.ts';
import { checkPodProgram } from './pod-process.ts';
import type { LabServer } from './server/api-client.ts';
import { checkServer } from './server/server-store.ts';
import {
  createState,
  emptyState,
  findState,
  type LabState,
  readState,
  removeEmptyDirectories,
} from './state.ts';

export type { OnStep } from './change-lab.ts';
export type { LabDownResult } from './down.ts';
export { type LabExecOptions, labExec } from './exec.ts';
export { LabError } from './lab-error.ts';
export { type LabProbeOptions, labProbe } from './probe.ts';
export type { LabServer } from './server/api-client.ts';
export { type LabNodeStatus, type LabPodStatus, type LabStatus, labStatus } from './status.ts';

export interface LabUpOptions {
  readonly name: string;
  /** Folders and files. */
  readonly manifests: readonly string[];
  /** false: pods and nodes without the agents, so without Services and policies. */
  readonly agents?: boolean;
  /** Where load balancers get their addresses; none unless given. */
  readonly loadBalancerPools?: readonly AddressPool[];
  /** Where objects are written, and read by the agents; null: a folder of the lab's own. */
  readonly server?: LabServer | null;
  /** More arguments for every agent, such as `--masquerade-all`. */
  readonly agentArguments?: readonly string[];
  readonly onStep?: OnStep;
  /** Aborted: no further step is begun, and what was made is taken down again. */
  readonly signal?: AbortSignal;
}

export interface LabChangeOptions {
  readonly name: string;
  /** Folders and files. */
  readonly paths: readonly string[];
  readonly onStep?: OnStep;
}

/** What a change did. Problems are of the manifests; what they are about is not in effect, all the rest is. */
export interface LabChangeResult {
  readonly name: string;
  readonly nodes: number;
  readonly pods: number;
  /** Processes by id (`ns/pod`, `node/NAME`) that were started and ended. */
  readonly started: readonly string[];
  readonly ended: readonly string[];
  readonly problems: readonly Problem[];
  readonly notes: readonly string[];
  readonly skippedKinds: Readonly<Record<string, number>>;
}

/**
 * Makes the cluster that the manifests describe; resolves when every agent has synced. On failure nothing is left.
 * @throws LabError (usage) for a bad name, an existing lab, unreadable manifests; (failed) if the machine fails or
 *   `signal` is aborted
 */
export async function labUp(options: LabUpOptions): Promise<LabChangeResult> {
  const { name, manifests: paths, agents = true, onStep = silent, signal } = options;
  const { loadBalancerPools = [], agentArguments = [], server = null } = options;
  checkBasics(name);
  checkPodProgram();
  const manifests = await readAll(paths);
  return withLock(name, async () => {
    if (findState(name) !== undefined) {
      throw new LabError(
        'usage',
        `lab ${name} exists; change it with \`weir lab apply\` or remove it with \`weir lab down\``,
      );
    }
    if (server !== null) await checkServer(server, name);
    const argv = [...poolArguments(loadBalancerPools), ...agentArguments];
    const state = emptyState(name, { agents, agentArguments: argv, loadBalancerPools, server });
    createState(state);
    try {
      const step: OnStep = (text) => {
        signal?.throwIfAborted();
        onStep(text);
      };
      const result = await change(state, applyDocuments([], rawOf(manifests), now()), manifests, step);
      signal?.throwIfAborted();
      return result;
    } catch (cause) {
      await takeDown(name, silent);
      // The programs that make the lab were interrupted too: what they said of it is no news.
      throw signal?.aborted
        ? new LabError('failed', `interrupted; what there was of lab ${name} is gone again`, cause)
        : cause;
    }
  });
}

/**
 * Adds and changes objects while the lab runs; resolves when the change is in the kernel of every node.
 * @throws LabError (usage) for a lab that does not exist, unreadable manifests; (failed) if the change failed
 */
export async function labApply(options: LabChangeOptions): Promise<LabChangeResult> {
  return changeRunning(options, applyDocuments);
}

/**
 * Removes the objects that the manifests name; resolves when they are gone from the kernel of every node.
 * @throws LabError as labApply
 */
export async function labDelete(options: LabChangeOptions): Promise<LabChangeResult> {
  return changeRunning(options, deleteDocuments);
}

/**
 * Removes the lab with all its namespaces, processes and files, also one that was left half made. Without such a lab
 * nothing happens.
 * @throws LabError (usage) for a bad name; (failed) if something could not be removed
 */
export async function labDown(options: {
  readonly name: string;
  readonly onStep?: OnStep;
}): Promise<LabDownResult> {
  const { name, onStep = silent } = options;
  checkBasics(name);
  const result = await withLock(name, () => takeDown(name, onStep));
  removeEmptyDirectories();
  return result;
}

/** Agents are told too: what was refused here must not be served there for want of a pool. */
function poolArguments(pools: readonly AddressPool[]): readonly string[] {
  return pools.length === 0 ? [] : ['--load-balancer-pools', poolsText(pools)];
}

function now(): string {
  return new Date().toISOString();
}

async function changeRunning(
  { name, paths, onStep = silent }: LabChangeOptions,
  combine: typeof applyDocuments,
): Promise<LabChangeResult> {
  checkBasics(name);
  readState(name);
  const manifests = await readAll(paths);
  return withLock(name, async () => {
    const state = readState(name);
    return change(state, combine(state.documents, rawOf(manifests), now()), manifests, onStep);
  });
}

async function change(
  state: LabState,
  documents: readonly LabDocument[],
  manifests: Manifests,
  onStep: OnStep,
): Promise<LabChangeResult> {
  const result = await changeLab(state, documents, onStep);
  const { plan, notes } = result.state;
  const nodes = plan.processes.filter(({ id }) => id.startsWith('node/')).length;
  return {
    name: state.name,
    nodes,
    // All but the nodes' own processes and the external client's.
    pods: plan.processes.length - nodes - 1,
    started: result.change.processes.come.map(({ id }) => id),
    ended: result.change.processes.gone.map(({ id }) => id),
    problems: [...manifests.problems, ...result.problems],
    notes: [...plan.notes, ...notes],
    skippedKinds: manifests.skippedKinds,
  };
}

async function readAll(paths: readonly string[]): Promise<Manifests> {
  const manifests = await readManifests(paths);
  const unreadable = manifests.problems.find(({ reason }) => reason === 'Unreadable');
  if (unreadable !== undefined) throw new LabError('usage', `${unreadable.message}; ${unreadable.remedy}`);
  if (manifests.documents.length === 0 && manifests.problems.length === 0)
    throw new LabError(
      'usage',
      `no manifests in ${paths.join(', ')}; name folders or files with YAML or JSON`,
    );
  return manifests;
}

function rawOf(manifests: Manifests): readonly LabDocument['raw'][] {
  return manifests.documents.map(({ raw }) => raw);
}

function checkBasics(name: string): void {
  checkLabName(name);
  if (process.getuid?.() !== 0)
    throw new LabError('usage', 'the lab makes network namespaces and needs root; run it with sudo');
}

function silent(): void {}
