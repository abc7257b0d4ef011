/** What stands in the maps of the policy programs, read back once and then kept up by every transaction. */
import type { Prefix } from '../../../model/address.ts';
import type { PeerClassName, PolicyClassName } from '../../../model/policy-rows.ts';
import { createNumbers, type Numbers } from '../../policy-numbers.ts';
import { createPeerClasses, type PeerClasses } from './peer-classes.ts';
import { createSubjects, type Subjects } from './subjects.ts';
import type { PolicyTables } from './tables.ts';
import { createVerdicts, type Verdicts } from './verdicts.ts';

export interface Installed {
  /** The one that packets are judged by. */
  revision: number;
  readonly numbers: Numbers;
  readonly peers: PeerClasses;
  readonly subjects: Subjects;
  readonly verdicts: Verdicts;
  /** Classes by prefix, as they are held in `numbers`. */
  readonly heldPeers: Map<Prefix, PeerClassName>;
  /** Classes that found no room: tried again with every transaction. */
  unprogrammed: ReadonlySet<PolicyClassName>;
}

/** The one key of the map `revision`. */
export const REVISION_KEY = 0;

export async function readInstalled(tables: PolicyTables): Promise<Installed> {
  const [revision = 0, names, peers, subjects, groups, ports] = await Promise.all([
    tables.revision.get(REVISION_KEY),
    tables.names.entries(),
    tables.peers.entries(),
    tables.subjects.entries(),
    tables.groups.entries(),
    tables.ports.entries(),
  ]);
  const numbers = createNumbers(names);
  return {
    revision,
    numbers,
    peers: createPeerClasses(peers, revision),
    subjects: createSubjects(subjects, revision),
    verdicts: createVerdicts({ ports, groups }, numbers),
    heldPeers: new Map(),
    unprogrammed: new Set(),
  };
}

/** Compares the few entries that all verdicts hang on; the rest is compared when everything is read back. */
export async function differsFromKernel(tables: PolicyTables, installed: Installed): Promise<boolean> {
  const [revision, subjects] = await Promise.all([
    tables.revision.get(REVISION_KEY),
    tables.subjects.entries(),
  ]);
  return revision !== installed.revision || installed.subjects.differsFromTable(subjects, installed.revision);
}

/**
 * Removes what the current revision does not need, and gives both slots of what changed the same content, so that the next
 * change writes its own entries only. Returns how many entries it wrote and deleted.
 */
export async function collectGone(tables: PolicyTables, installed: Installed): Promise<number> {
  const peers = installed.peers.settle();
  const subjects = installed.subjects.settle(installed.revision);
  const verdicts = installed.verdicts.takeGone();
  // Last, since the keys of verdicts ask for numbers.
  const names = installed.numbers.takeUnused();
  const rules = names.filter(({ kind }) => kind === 'rule').map(({ number }) => number);
  const [, , ...deleted] = await Promise.all([
    tables.peers.set(peers.entries),
    tables.subjects.set(subjects.entries),
    tables.groups.delete(verdicts.groups),
    tables.ports.delete(verdicts.ports),
    tables.peers.delete(peers.gone),
    tables.subjects.delete(subjects.gone),
    tables.usages.delete(subjects.gone),
    tables.names.delete(names),
    tables.ruleHits.delete(rules),
  ]);
  return deleted.reduce((total, count) => total + count, peers.entries.length + subjects.entries.length);
}
