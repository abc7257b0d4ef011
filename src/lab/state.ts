/** What is known of a lab on disk: written before anything is made, so that a half-made lab can be removed. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { WeirObject } from '../model/objects.ts';
import type { LabPools } from './complete-documents.ts';
import { type LabDocument, manifestText } from './documents.ts';
import { hasCode, LabError, messageOf } from './lab-error.ts';
import { LABS_DIRECTORY, labDirectory, objectsDirectory } from './lab-names.ts';
import { EMPTY_PLAN, type LabPlan } from './plan.ts';
import type { LabServer } from './server/api-client.ts';

export interface LabState extends LabPools {
  readonly name: string;
  /** Agents run on the nodes. */
  readonly agents: boolean;
  /** Arguments of every agent beside the lab's own. */
  readonly agentArguments: readonly string[];
  /** Where agents read the objects; null: a folder of the lab's. */
  readonly server: LabServer | null;
  /** Everything made, or being made. */
  readonly plan: LabPlan;
  /** Process ids by the plan's process ids. */
  readonly processes: Readonly<Record<string, number>>;
  /** Process ids by node. */
  readonly agentPids: Readonly<Record<string, number>>;
  /** What a process could not do. */
  readonly notes: readonly string[];
  readonly documents: readonly LabDocument[];
}

/** Names of the labs that exist, half-made ones too. */
export function labNames(): readonly string[] {
  if (!existsSync(LABS_DIRECTORY)) return [];
  return readdirSync(LABS_DIRECTORY, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** The directories of a new lab and its first state. */
export function createState(state: LabState): void {
  for (const name of ['objects', 'pods', 'logs']) {
    mkdirSync(`${labDirectory(state.name)}/${name}`, { recursive: true, mode: 0o755 });
  }
  writeState(state);
}

/** @throws LabError (usage) if there is no such lab, (failed) if its state can't be read */
export function readState(lab: string): LabState {
  const state = findState(lab);
  if (state !== undefined) return state;
  const known = labNames().join(', ');
  throw new LabError(
    'usage',
    `there is no lab ${lab}; ${known === '' ? 'start one with `weir lab up`' : `known: ${known}`}`,
  );
}

/** As readState; undefined if there is no such lab. */
export function findState(lab: string): LabState | undefined {
  const path = statePath(lab);
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LabState;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw new LabError(
      'failed',
      `${path}: ${messageOf(error)}; remove the lab with \`weir lab down\``,
      error,
    );
  }
}

export function writeState(state: LabState): void {
  writeAtomically(statePath(state.name), JSON.stringify(state));
}

/** Shows the agents the documents. */
export function writeObjects(
  lab: string,
  documents: readonly LabDocument[],
  objects: readonly WeirObject[],
): void {
  writeAtomically(`${objectsDirectory(lab)}/objects.json`, manifestText(documents, objects));
}

/** Removes the directories above all labs if nothing else is in them. */
export function removeEmptyDirectories(): void {
  for (const path of [LABS_DIRECTORY, dirname(LABS_DIRECTORY)]) {
    try {
      rmdirSync(path);
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY') && !hasCode(error, 'ENOENT')) throw error;
    }
  }
}

export function emptyState(
  name: string,
  options: Pick<LabState, 'agents' | 'agentArguments' | 'loadBalancerPools' | 'server'>,
): LabState {
  const nothing = { plan: EMPTY_PLAN, processes: {}, agentPids: {}, notes: [], documents: [] };
  return { name, ...options, balancerAddresses: {}, ...nothing };
}

function statePath(lab: string): string {
  return `${labDirectory(lab)}/state.json`;
}

function writeAtomically(path: string, text: string): void {
  const directory = dirname(path);
  // Hidden, and outside the agents' folder listing: they must never read a half-written file.
  const temporary = `${directory}/.${process.pid}.tmp`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}
