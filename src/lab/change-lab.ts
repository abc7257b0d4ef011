/** Brings a lab from the state it is in to what other documents ask for. */
import type { Problem } from '../model/objects.ts';
import { agentArguments, removeAgentFiles, startAgent, syncAgents } from './agents.ts';
import { addCgroups, hasCgroups, removeCgroup } from './cgroups.ts';
import { eachConcurrently } from './command.ts';
import { completeKeepingGood } from './complete-documents.ts';
import { type LabDocument, resolveDocuments } from './documents.ts';
import { underlayNamespace } from './lab-names.ts';
import {
  addBridge,
  addLinks,
  addNamespaces,
  configureNamespaces,
  removeLinks,
  removeNamespaces,
  removeSettings,
} from './network.ts';
import { type ObjectStore, objectStore, type Shown } from './object-store.ts';
import { changeOf, type LabPlan, type PlanChange, type ProcessPlan } from './plan.ts';
import { serve, startPodProcess } from './pod-process.ts';
import { endProcesses, isRunning, processesInNamespaces } from './processes.ts';
import { type LabState, writeState } from './state.ts';
import { planLab } from './topology.ts';

/** Is told what is being done, one line at the start of each step. */
export type OnStep = (step: string) => void;

const START_WIDTH = 8;

/**
 * Makes what the documents need, shows them to the agents, waits until all is in the kernel, and then removes what is
 * no longer needed: nothing that still receives traffic is taken away first.
 * @throws LabError (failed) after undoing what was made; if only the agents or their API server fail, the new state stays
 */
export async function changeLab(
  state: LabState,
  documents: readonly LabDocument[],
  onStep: OnStep,
): Promise<{ readonly state: LabState; readonly change: PlanChange; readonly problems: readonly Problem[] }> {
  const completed = completeKeepingGood(state.documents, documents, state);
  const { objects, problems, balancerAddresses } = completed;
  const resolved = resolveDocuments(completed.documents, objects);
  const plan = planLab(objects, { lab: state.name, cgroups: hasCgroups(), agents: state.agents });
  const change = changeOf(state.plan, plan);
  // Known before it is made: whoever takes a half-made lab down finds everything.
  writeState({ ...state, plan: joined(plan, change) });
  // Agents take a second to start: those of a new lab do so while pods are made. Others must not see objects before
  // what these need is there.
  const isNew = Object.keys(state.agentPids).length === 0;
  const store = objectStore(state);
  let agentPids = state.agentPids;
  let shown: Shown = { versions: null, problems: [] };
  const show = async () => {
    if (plan.agents.length > 0) await store.open(plan.agents.map(({ namespace }) => namespace));
    shown = await store.write(resolved, objects);
    agentPids = startAgents(state, plan, store, onStep);
  };
  const made = await make(state, plan, change, isNew ? show : async () => {}, onStep).catch(
    async (error: unknown) => {
      await undo(change);
      writeState(state);
      throw error;
    },
  );
  const changed = { ...state, ...made, plan: joined(plan, change), documents: resolved, balancerAddresses };
  writeState({ ...changed, agentPids });
  if (!isNew) await show();
  const next: LabState = { ...changed, agentPids };
  writeState(next);
  const started = performance.now();
  if (plan.agents.length > 0) {
    onStep(`waiting for ${plan.agents.length} agents`);
    await syncAgents(state.name, plan.agents, agentPids, shown.versions);
    onStep(`the change is in the kernel of every node (${Math.round(performance.now() - started)} ms)`);
  }
  await removeGone(state, change, onStep);
  const final = { ...next, ...without(next, change), plan };
  writeState(final);
  return { state: final, change, problems: [...problems, ...shown.problems] };
}

async function make(
  state: LabState,
  plan: LabPlan,
  change: PlanChange,
  onNamespaces: () => Promise<void>,
  onStep: OnStep,
): Promise<Pick<LabState, 'processes' | 'notes'>> {
  await makeWay(state, change);
  const { namespaces } = change;
  if (namespaces.come.length > 0) onStep(`making ${namespaces.come.length} network namespaces`);
  addCgroups(change.cgroups.come);
  await addNamespaces(namespaces.come);
  const underlay = underlayNamespace(state.name);
  if (namespaces.come.some(({ name }) => name === underlay)) await addBridge(underlay);
  const [started, noted] = await Promise.allSettled([
    connectAll(state, plan, change, onStep),
    onNamespaces(),
  ]);
  if (noted.status === 'rejected') throw noted.reason;
  if (started.status === 'rejected') throw started.reason;
  return started.value;
}

/** Fills new namespaces, and changes those that stay. */
async function connectAll(
  state: LabState,
  plan: LabPlan,
  change: PlanChange,
  onStep: OnStep,
): Promise<Pick<LabState, 'processes' | 'notes'>> {
  const { links, processes, settings } = change;
  if (processes.come.length > 0) onStep(`starting ${processes.come.length} pods, nodes and clients`);
  const sysctls = new Map(plan.namespaces.map(({ name, sysctls: lines }) => [name, lines]));
  const pids: Record<string, number> = { ...state.processes };
  await eachConcurrently(processes.come, START_WIDTH, async (process) => {
    pids[process.id] = await startPodProcess(process, sysctls.get(process.namespace) ?? []);
  });
  if (links.come.length > 0) onStep(`connecting ${links.come.length} links`);
  await addLinks(links.come);
  await configureNamespaces(links.come, settings);
  const notes = await serveAll([...processes.come, ...change.serving]);
  return { processes: pids, notes: [...keptNotes(state, change), ...notes] };
}

/** Removes what stands in the way of its successor of the same name. */
async function makeWay(state: LabState, change: PlanChange): Promise<void> {
  const { namespaces, processes, links } = change;
  const names = new Set(namespaces.come.map(({ name }) => name));
  const ids = new Set(processes.come.map(({ id }) => id));
  const renewed = namespaces.gone.filter(({ name }) => names.has(name)).map(({ name }) => name);
  const pids = processes.gone.filter(({ id }) => ids.has(id)).flatMap(({ id }) => state.processes[id] ?? []);
  await endProcesses([...pids, ...processesInNamespaces(renewed)]);
  await removeLinks(links.gone.filter(({ device }) => links.come.some((other) => other.device === device)));
  await removeNamespaces(renewed);
}

async function undo(change: PlanChange): Promise<void> {
  const names = change.namespaces.come.map(({ name }) => name);
  await endProcesses(processesInNamespaces(names));
  await removeLinks(change.links.come);
  await removeNamespaces(names);
  for (const path of [...change.cgroups.come].reverse()) removeCgroup(path);
}

async function serveAll(processes: readonly ProcessPlan[]): Promise<readonly string[]> {
  const notes: string[] = [];
  await eachConcurrently(processes, START_WIDTH, async (process) => {
    notes.push(...(await serve(process)));
  });
  return notes.sort();
}

/** Starts the agents that do not run: new ones, and those that crashed or were killed, as a kubelet would. */
function startAgents(
  state: LabState,
  plan: LabPlan,
  store: ObjectStore,
  onStep: OnStep,
): LabState['agentPids'] {
  const missing = plan.agents.filter(({ node }) => !isRunning(state.agentPids[node] ?? 0));
  if (missing.length > 0) onStep(`starting ${missing.length} agents`);
  const started = missing.map((agent) => {
    const argv = agentArguments(agent, store.agentFlags, state.agentArguments);
    return [agent.node, startAgent(state.name, agent, argv)];
  });
  return { ...state.agentPids, ...Object.fromEntries(started) };
}

async function removeGone(state: LabState, change: PlanChange, onStep: OnStep): Promise<void> {
  const { namespaces, processes, links, agents, cgroups } = change;
  const names = new Set(namespaces.come.map(({ name }) => name));
  const ids = new Set(processes.come.map(({ id }) => id));
  const gone = namespaces.gone.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (gone.length > 0) onStep(`removing ${gone.length} network namespaces`);
  const pids = [
    ...processes.gone.filter(({ id }) => !ids.has(id)).flatMap(({ id }) => state.processes[id] ?? []),
    ...agents.gone.flatMap(({ node }) => state.agentPids[node] ?? []),
  ];
  await endProcesses([...pids, ...processesInNamespaces(gone)]);
  await removeSettings(change.settings);
  await removeLinks(links.gone.filter(({ device }) => !links.come.some((other) => other.device === device)));
  await removeNamespaces(gone);
  for (const agent of agents.gone) removeAgentFiles(agent);
  for (const path of [...cgroups.gone].reverse()) removeCgroup(path);
}

/** The new plan, and what will only be removed when it is in effect. */
function joined(plan: LabPlan, change: PlanChange): LabPlan {
  const names = new Set(plan.namespaces.map(({ name }) => name));
  return {
    ...plan,
    namespaces: [...plan.namespaces, ...change.namespaces.gone.filter(({ name }) => !names.has(name))],
    agents: [...plan.agents, ...change.agents.gone],
    cgroups: [...plan.cgroups, ...change.cgroups.gone],
  };
}

function without(state: LabState, change: PlanChange): Pick<LabState, 'processes' | 'agentPids'> {
  const processes: Record<string, number> = { ...state.processes };
  const come = new Set(change.processes.come.map(({ id }) => id));
  for (const { id } of change.processes.gone) if (!come.has(id)) delete processes[id];
  const agentPids: Record<string, number> = { ...state.agentPids };
  const nodes = new Set<string>(change.agents.come.map(({ node }) => node));
  for (const { node } of change.agents.gone) if (!nodes.has(node)) delete agentPids[node];
  return { processes, agentPids };
}

function keptNotes(state: LabState, change: PlanChange): readonly string[] {
  const ids = [...change.processes.gone, ...change.serving].map(({ id }) => `${id}: `);
  return state.notes.filter((note) => !ids.some((id) => note.startsWith(id)));
}
