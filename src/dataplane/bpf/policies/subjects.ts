/** The table of subjects: what each local pod's interface is judged by, now and in the revision to come. */
import type { Subject, SubjectState } from '../../../generated/policy.ts';
import { type Address, type Family, familyOf } from '../../../model/address.ts';
import { mappedBytes, unmappedAddress } from '../mapped-address.ts';
import { slots } from './peer-classes.ts';

/** What one revision says of an interface. */
export interface Judgement {
  readonly addresses: readonly Address[];
  readonly state: SubjectState;
  /** 0 unless judged. */
  readonly policyClass: number;
  /** Packets between two such pods may go past the node's stack. */
  readonly passable: boolean;
}

export type SubjectEntry = readonly [number, Subject];

/** By interface index; null: it is not judged any more. */
export type SubjectChanges = ReadonlyMap<number, Judgement | null>;

const UNKNOWN: Judgement = { addresses: [], state: 'closed', policyClass: 0, passable: false };
const NO_ADDRESS = new Uint8Array(16);
const UNCHANGED: SubjectChanges = new Map();

export interface Subjects {
  /** By interface index, as the current revision has them. */
  readonly current: ReadonlyMap<number, Judgement>;
  /** Of these judgements, those that differ from the current ones. */
  changes(wanted: SubjectChanges): SubjectChanges;
  /** The table has another judgement of some interface than the current one. */
  differsFromTable(entries: readonly SubjectEntry[], revision: number): boolean;
  /** Entries to write so that the next revision judges by the changes too; the current one goes on as it does. */
  stage(changes: SubjectChanges, revision: number): readonly SubjectEntry[];
  /** The revision that was staged last is the current one now. */
  commit(): void;
  /** What only the revision before needed: entries to write with the current judgement twice, and interfaces to delete. */
  settle(revision: number): { readonly entries: readonly SubjectEntry[]; readonly gone: readonly number[] };
}

/** `installed`: the table as it is; `revision`: the current one. */
export function createSubjects(installed: readonly SubjectEntry[], revision: number): Subjects {
  const current = new Map<number, Judgement>();
  const unsettled = new Set<number>();
  let staged: SubjectChanges = UNCHANGED;
  for (const [index, subject] of installed) {
    current.set(index, judgementOf(subject, revision));
    if (!sameJudgement(judgementOf(subject, 0), judgementOf(subject, 1))) unsettled.add(index);
  }
  const next = (index: number): Judgement | undefined =>
    staged.has(index) ? (staged.get(index) ?? undefined) : current.get(index);
  return {
    current,
    changes: (wanted) =>
      new Map(
        [...wanted].filter(
          ([index, judgement]) => !sameJudgement(judgement ?? undefined, current.get(index)),
        ),
      ),
    differsFromTable(entries, from) {
      const table = new Map(entries);
      return [...current].some(([index, judgement]) => {
        const subject = table.get(index);
        return subject === undefined || !says(subject, judgement, from);
      });
    },
    stage(changes, from) {
      staged = changes;
      for (const index of changes.keys()) unsettled.add(index);
      return [...unsettled].map((index) => [
        index,
        subjectOf(current.get(index) ?? UNKNOWN, next(index) ?? UNKNOWN, from),
      ]);
    },
    commit() {
      for (const index of [...unsettled])
        if (current.has(index) && sameJudgement(next(index), current.get(index))) unsettled.delete(index);
      for (const [index, judgement] of staged) {
        if (judgement === null) current.delete(index);
        else current.set(index, judgement);
      }
      staged = UNCHANGED;
    },
    settle(from) {
      const gone = [...unsettled].filter((index) => !current.has(index));
      const entries = [...unsettled].flatMap((index): SubjectEntry[] => {
        const judgement = current.get(index);
        return judgement === undefined ? [] : [[index, subjectOf(judgement, judgement, from)]];
      });
      unsettled.clear();
      return { entries, gone };
    },
  };
}

/**
 * Addresses are of no revision: those of a pod do not change, and stay while its interface does. Nor is by which way packets
 * go: flows ask when they are judged.
 */
function subjectOf(now: Judgement, next: Judgement, revision: number): Subject {
  return {
    ...ownBytes(next === UNKNOWN ? now.addresses : next.addresses),
    policyClass: slots(revision, now.policyClass, next.policyClass),
    state: slots(revision, now.state, next.state),
    passable: next.passable ? 1 : 0,
  };
}

type OwnBytes = Pick<Subject, 'ipv4' | 'ipv6'>;

const knownBytes = new WeakMap<readonly Address[], OwnBytes>();

/** The table is compared now and then: reading a thousand addresses again each time would be a long turn. */
function ownBytes(addresses: readonly Address[]): OwnBytes {
  const known = knownBytes.get(addresses);
  if (known !== undefined) return known;
  const own = (family: Family) => {
    const address = addresses.find((candidate) => familyOf(candidate) === family);
    return address === undefined ? NO_ADDRESS : mappedBytes(address);
  };
  const bytes = { ipv4: own('IPv4'), ipv6: own('IPv6') };
  knownBytes.set(addresses, bytes);
  return bytes;
}

/** The entry has this judgement in the slot of the revision. */
function says(subject: Subject, judgement: Judgement, revision: number): boolean {
  const { addresses, state, policyClass, passable } = judgement;
  const slot = slotOf(revision);
  const { ipv4, ipv6 } = ownBytes(addresses);
  return (
    subject.state[slot] === state &&
    subject.policyClass[slot] === policyClass &&
    subject.passable === (passable ? 1 : 0) &&
    Buffer.compare(subject.ipv4, ipv4) === 0 &&
    Buffer.compare(subject.ipv6, ipv6) === 0
  );
}

function slotOf(revision: number): 0 | 1 {
  return revision & 1 ? 1 : 0;
}

function judgementOf(subject: Subject, revision: number): Judgement {
  const slot = slotOf(revision);
  return {
    addresses: [subject.ipv4, subject.ipv6]
      .filter((bytes) => bytes.some((byte) => byte !== 0))
      .map(unmappedAddress),
    state: subject.state[slot],
    policyClass: subject.policyClass[slot],
    passable: subject.passable === 1,
  };
}

function sameJudgement(a: Judgement | undefined, b: Judgement | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.state === b.state &&
    a.policyClass === b.policyClass &&
    a.passable === b.passable &&
    sameAddresses(a.addresses, b.addresses)
  );
}

/** In any order. Most are the same array: a pod's stays until its addresses change. */
function sameAddresses(one: readonly Address[], other: readonly Address[]): boolean {
  return one === other || [...one].sort().join() === [...other].sort().join();
}
