/** One transaction: from what stands in the maps to what ought to, visible to packets by one write. */

import type { Prefix } from '../../../model/address.ts';
import type { PolicyClassName } from '../../../model/policy-rows.ts';
import { DataplaneError } from '../../dataplane.ts';
import type { PolicyApplyReport } from '../../policy-change.ts';
import type { ClassEntries } from './entries.ts';
import { type Installed, REVISION_KEY } from './installed.ts';
import type { Judgement } from './subjects.ts';
import type { PolicyTables } from './tables.ts';
import type { ClassChanges, NumberedClass } from './verdicts.ts';
import type { Touched, Wanted } from './wanted.ts';

const NO_ROOM = new Set(['E2BIG', 'ENOSPC', 'ENOMEM']);

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
    const subjects = changedSubjects(installed, wanted, { ...staged, unprogrammed }, touched);
    const entries = staged.missing.reduce((total, [, own]) => total + countOf(own), 0);
    const changed = entries > 0 || peers.size > 0 || subjects.size > 0;
    const written = changed ? await switchRevision(tables, installed, peers, subjects) : 0;
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
  /** Those that may differ from what pods are judged by; undefined: it is to go. */
  readonly classes: ClassChanges;
  /** What is to be written, for each class that needs it. */
  readonly missing: readonly (readonly [NumberedClass, ClassEntries])[];
}

function stageClasses(installed: Installed, wanted: Wanted, touched: Touched | undefined): StagedClasses {
  const classes = new Map<PolicyClassName, NumberedClass | undefined>();
  const missing: (readonly [NumberedClass, ClassEntries])[] = [];
  const names =
    touched === undefined
      ? [...wanted.classes.keys(), ...installed.verdicts.current.keys()]
      : [...touched.classes, ...installed.unprogrammed];
  for (const name of new Set(names)) {
    const rows = wanted.classes.get(name);
    classes.set(name, undefined);
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

type Staged = Pick<StagedClasses, 'classes'> & { readonly unprogrammed: ReadonlySet<PolicyClassName> };

/** Interfaces that are to be judged in another way than now; null: not at all. */
function changedSubjects(
  installed: Installed,
  wanted: Wanted,
  staged: Staged,
  touched: Touched | undefined,
): ReadonlyMap<number, Judgement | null> {
  const { subjects } = installed;
  const indexes = new Set(touched?.interfaces ?? [...wanted.owners.keys(), ...subjects.current.keys()]);
  // Those who stay in a class are judged by another number of it.
  for (const name of staged.classes.keys())
    for (const pod of wanted.members.get(name) ?? []) {
      const joined = wanted.interfaces.get(pod);
      if (joined !== undefined) indexes.add(joined.interfaceIndex);
    }
  return subjects.changes(
    new Map([...indexes].map((index) => [index, judgementOf(installed, wanted, staged, index)])),
  );
}

/** A pod that no policy selects is open, one whose rows are not in is closed. */
function judgementOf(
  { verdicts }: Installed,
  wanted: Wanted,
  { classes, unprogrammed }: Staged,
  index: number,
): Judgement | null {
  const owner = wanted.owners.get(index);
  const joined = owner === undefined ? undefined : wanted.interfaces.get(owner);
  if (joined === undefined) return null;
  const { pod, addresses, held } = joined;
  const row = wanted.subjects.get(pod);
  const passable = wanted.passable.has(index);
  if (row === undefined && !held) return { addresses, state: 'open', policyClass: 0, passable };
  const name = row?.policyClass;
  const numbered =
    name === undefined ? undefined : classes.has(name) ? classes.get(name) : verdicts.current.get(name);
  if (held || numbered === undefined || unprogrammed.has(numbered.rows.name))
    return { addresses, state: 'closed', policyClass: 0, passable };
  return { addresses, state: 'judged', policyClass: numbered.number, passable };
}

/** Writes both slots of what changes, then the revision. Returns how many entries. */
async function switchRevision(
  tables: PolicyTables,
  installed: Installed,
  peers: ReadonlyMap<Prefix, number | null>,
  subjects: ReadonlyMap<number, Judgement | null>,
): Promise<number> {
  const peerEntries = installed.peers.stage(peers, installed.revision);
  const subjectEntries = installed.subjects.stage(subjects, installed.revision);
  const fresh = [...subjects.keys()].filter((index) => !installed.subjects.current.has(index));
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
  classes: ClassChanges,
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
