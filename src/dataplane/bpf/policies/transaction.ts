/** One transaction: from what stands in the maps to what ought to, visible to packets by one write. */

import type { Prefix } from '../../../model/address.ts';
import type { ObjectName } from '../../../model/names.ts';
import type {
  PeerClassName,
  PolicyClassName,
  PolicyClassRows,
  SubjectRow,
} from '../../../model/policy-rows.ts';
import { DataplaneError } from '../../dataplane.ts';
import type { PodInterface, PolicyApplyReport } from '../../policy-change.ts';
import type { ClassEntries } from './entries.ts';
import { type Installed, REVISION_KEY } from './installed.ts';
import type { Judgement } from './subjects.ts';
import type { PolicyTables } from './tables.ts';
import type { Classes, NumberedClass } from './verdicts.ts';

/** What ought to be in the maps. */
export interface Wanted {
  readonly peers: Map<Prefix, PeerClassName | null>;
  readonly subjects: Map<ObjectName, SubjectRow>;
  readonly classes: Map<PolicyClassName, PolicyClassRows>;
  readonly interfaces: Map<ObjectName, PodInterface>;
}

/** Rows that may differ from what is installed. */
export interface Touched {
  readonly peers: readonly Prefix[];
  readonly classes: readonly PolicyClassName[];
}

const NO_ROOM = new Set(['E2BIG', 'ENOSPC', 'ENOMEM']);

export function emptyWanted(): Wanted {
  return { peers: new Map(), subjects: new Map(), classes: new Map(), interfaces: new Map() };
}

/**
 * Brings the maps to `wanted`. `touched` undefined: everything is compared. Rejects with a DataplaneError; packets are then
 * judged as before, but `installed` no longer says what stands in the maps.
 */
export async function writeRows(
  tables: PolicyTables,
  installed: Installed,
  wanted: Wanted,
  touched: Touched | undefined,
): Promise<PolicyApplyReport> {
  try {
    const staged = stageClasses(installed, wanted, touched);
    const peers = changedPeers(installed, wanted, touched);
    await tables.names.set(installed.numbers.takeNew());
    const unprogrammed = await writeVerdicts(tables, installed, staged);
    const judgements = judgementsOf(wanted, staged.classes, unprogrammed);
    const entries = staged.missing.reduce((total, [, own]) => total + countOf(own), 0);
    const changed = entries > 0 || peers.size > 0 || installed.subjects.differsFrom(judgements);
    const written = changed ? await switchRevision(tables, installed, peers, judgements) : 0;
    installed.unprogrammed = unprogrammed;
    commit(installed, wanted, staged.classes, peers);
    return {
      written: entries + written,
      revision: installed.revision,
      unprogrammed: [...unprogrammed],
    };
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    const code = 'code' in cause ? String(cause.code) : 'UNKNOWN';
    throw new DataplaneError(`policy rows: ${cause.message}`, { code, object: 'policy maps', cause });
  }
}

interface StagedClasses {
  readonly classes: Classes;
  /** What is to be written, for each class that needs it. */
  readonly missing: readonly (readonly [NumberedClass, ClassEntries])[];
}

function stageClasses(installed: Installed, wanted: Wanted, touched: Touched | undefined): StagedClasses {
  const classes = new Map(touched === undefined ? [] : installed.verdicts.current);
  const missing: (readonly [NumberedClass, ClassEntries])[] = [];
  const names =
    touched === undefined ? wanted.classes.keys() : [...touched.classes, ...installed.unprogrammed];
  for (const name of new Set(names)) {
    const rows = wanted.classes.get(name);
    classes.delete(name);
    if (rows === undefined) continue;
    const { numbered, entries } = installed.verdicts.stage(rows);
    classes.set(name, numbered);
    if (countOf(entries) > 0) missing.push([numbered, entries]);
  }
  return { classes, missing };
}

/** Prefixes whose class is another than the installed one; null: the prefix is to go. */
function changedPeers(
  installed: Installed,
  wanted: Wanted,
  touched: Touched | undefined,
): ReadonlyMap<Prefix, number | null> {
  const { current } = installed.peers;
  const changes = new Map<Prefix, number | null>();
  for (const prefix of touched?.peers ?? new Set([...wanted.peers.keys(), ...current.keys()])) {
    const name = wanted.peers.get(prefix);
    const number =
      name === undefined ? null : name === null ? 0 : installed.numbers.numberOf('peer-class', name);
    if (number !== (current.get(prefix) ?? null)) changes.set(prefix, number);
  }
  return changes;
}

/** Writes the verdicts. Where they find no room, class by class, and returns those that found none. */
async function writeVerdicts(
  tables: PolicyTables,
  installed: Installed,
  { missing }: StagedClasses,
): Promise<ReadonlySet<PolicyClassName>> {
  const failed = new Set<PolicyClassName>();
  try {
    await writeEntries(tables, {
      ports: missing.flatMap(([, { ports }]) => ports),
      groups: missing.flatMap(([, { groups }]) => groups),
    });
    return failed;
  } catch (error) {
    if (!isNoRoom(error)) throw error;
  }
  for (const [numbered, own] of missing) {
    try {
      await writeEntries(tables, own);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      failed.add(numbered.rows.name);
      // What fits of it would only keep others out.
      await tables.ports.delete(own.ports.map(([key]) => key));
      await tables.groups.delete(own.groups.map(([key]) => key));
      installed.verdicts.unstage(numbered);
    }
  }
  return failed;
}

async function writeEntries(tables: PolicyTables, { ports, groups }: ClassEntries): Promise<void> {
  await Promise.all([tables.ports.set(ports), tables.groups.set(groups)]);
}

function countOf({ ports, groups }: ClassEntries): number {
  return ports.length + groups.length;
}

function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && NO_ROOM.has(String(error.code));
}

/** How each interface is judged: a pod that no policy selects is open, one whose rows are not in is closed. */
function judgementsOf(
  wanted: Wanted,
  classes: Classes,
  unprogrammed: ReadonlySet<PolicyClassName>,
): ReadonlyMap<number, Judgement> {
  return new Map(
    [...wanted.interfaces.values()].map(({ pod, interfaceIndex, addresses, held }): [number, Judgement] => {
      const row = wanted.subjects.get(pod);
      const numbered = row === undefined ? undefined : classes.get(row.policyClass);
      if (row === undefined && !held) return [interfaceIndex, { addresses, state: 'open', policyClass: 0 }];
      if (held || numbered === undefined || unprogrammed.has(numbered.rows.name))
        return [interfaceIndex, { addresses, state: 'closed', policyClass: 0 }];
      return [interfaceIndex, { addresses, state: 'judged', policyClass: numbered.number }];
    }),
  );
}

/** Writes both slots of what changes, then the revision. Returns how many entries. */
async function switchRevision(
  tables: PolicyTables,
  installed: Installed,
  peers: ReadonlyMap<Prefix, number | null>,
  judgements: ReadonlyMap<number, Judgement>,
): Promise<number> {
  const peerEntries = installed.peers.stage(peers, installed.revision);
  const subjectEntries = installed.subjects.stage(judgements, installed.revision);
  const fresh = [...judgements.keys()].filter((index) => !installed.subjects.current.has(index));
  await Promise.all([
    tables.peers.set(peerEntries),
    tables.subjects.set(subjectEntries),
    tables.usages.set(fresh.map((index) => [index, { flows: 0 }] as const)),
  ]);
  const revision = (installed.revision + 1) >>> 0;
  await tables.revision.set([[REVISION_KEY, revision]]);
  installed.revision = revision;
  installed.peers.commit();
  installed.subjects.commit();
  return peerEntries.length + subjectEntries.length + fresh.length + 1;
}

function commit(
  installed: Installed,
  wanted: Wanted,
  classes: Classes,
  peers: ReadonlyMap<Prefix, number | null>,
): void {
  installed.verdicts.commit(classes);
  const { heldPeers, numbers } = installed;
  // After reading back nothing is held yet, though nothing changed.
  const touched = heldPeers.size === 0 ? wanted.peers.keys() : peers.keys();
  for (const prefix of touched) {
    const [before, after] = [heldPeers.get(prefix), wanted.peers.get(prefix)];
    if (after !== undefined && after !== null) numbers.hold('peer-class', after);
    if (before !== undefined) numbers.drop('peer-class', before);
    if (after === undefined || after === null) heldPeers.delete(prefix);
    else heldPeers.set(prefix, after);
  }
}
