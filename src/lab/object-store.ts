/** Where a lab keeps its objects for the agents to read. */
import type { Problem, WeirObject } from '../model/objects.ts';
import type { ObjectVersion } from '../model/source.ts';
import type { LabDocument } from './documents.ts';
import { objectsDirectory } from './lab-names.ts';
import { serverStore } from './server/server-store.ts';
import { type LabState, writeObjects } from './state.ts';

/** Objects as they are kept now. */
export interface Shown {
  /** What agents must have seen of it; null: they must look again. */
  readonly versions: readonly ObjectVersion[] | null;
  /** Objects that could not be kept. */
  readonly problems: readonly Problem[];
}

export interface ObjectStore {
  /** The flags of an agent that reads from here. */
  readonly agentFlags: readonly string[];
  /** Lets agents in these network namespaces, and in no others of the lab, read from here. */
  open(namespaces: readonly string[]): Promise<void>;
  /** Keeps these and no others. */
  write(documents: readonly LabDocument[], completed: readonly WeirObject[]): Promise<Shown>;
}

/** The store of this lab: an API server where it has one, else a folder of its own. */
export function objectStore({ name, server }: LabState): ObjectStore {
  if (server !== null) return serverStore(server, name);
  return {
    agentFlags: ['--source', objectsDirectory(name)],
    open: async () => {},
    async write(documents, completed) {
      writeObjects(name, documents, completed);
      return { versions: null, problems: [] };
    },
  };
}
