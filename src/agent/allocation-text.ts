/**
 * What the standalone control plane remembers, as text: a line that says what it is, with a checksum, and a line of JSON.
 * Slices are left out: they are made anew, and rows do not show which endpoint was in which.
 */
import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Assignment, ClaimHistory } from '../cluster/claims.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import { entriesOf, snapshotOf } from '../cluster/snapshot.ts';
import type { Address } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type { ServiceCidrObject, WeirObject } from '../model/objects.ts';

/** Raised whenever the JSON below means something else. */
const VERSION = 1;
/** How many entries of the JSON are made in one turn of the event loop: a few milliseconds. */
const PIECE = 1000;

interface ClaimJson {
  /** By `owner|slot`. */
  readonly assigned: Readonly<Record<string, string>>;
  /** Besides those that are assigned: each of them is kept as well. */
  readonly kept: Readonly<Record<string, ObjectName>>;
}

interface MemoryJson {
  readonly nodeNumbers: ClaimJson;
  readonly podAddresses: ClaimJson;
  readonly clusterIps: ClaimJson;
  readonly nodePorts: ClaimJson;
  readonly balancerAddresses: Readonly<Record<string, Address>>;
  readonly leavingCidrs: readonly ServiceCidrObject[];
  readonly placements: Readonly<Record<string, NodeName>>;
  readonly given: readonly WeirObject[];
}

interface Header {
  readonly weir: 'allocations';
  readonly version: number;
  /** The Weir that wrote it: objects of another one may lack fields. */
  readonly by: string;
  /** Of the second line. */
  readonly sha256: string;
}

/** Why a text can't be used. */
export class AllocationTextError extends Error {
  constructor(why: string, cause?: unknown) {
    super(why, { cause });
    this.name = 'AllocationTextError';
  }
}

/**
 * The text in pieces. The memory is not read at once: other work goes on meanwhile.
 *
 * @param memory of a moment when everything assigned was kept
 * @param by version of this Weir
 */
export async function allocationText(memory: ControlPlaneMemory, by: string): Promise<readonly string[]> {
  const sum = createHash('sha256');
  const pieces: string[] = [];
  let piece = '';
  let count = 0;
  const end = (): void => {
    sum.update(piece);
    pieces.push(piece);
    piece = '';
  };
  for (const part of bodyParts(memory)) {
    piece += part;
    count += 1;
    if (count % PIECE > 0) continue;
    end();
    await setImmediate();
  }
  end();
  const header: Header = { weir: 'allocations', version: VERSION, by, sha256: sum.digest('hex') };
  return [`${JSON.stringify(header)}\n`, ...pieces, '\n'];
}

/** MemoryJson, entry by entry. */
function* bodyParts({ allocations, given }: ControlPlaneMemory): Generator<string> {
  const books = ['nodeNumbers', 'podAddresses', 'clusterIps', 'nodePorts'] as const;
  for (const [index, book] of books.entries()) {
    const [assigned, kept] = claimEntries(allocations[book]);
    yield* inParts(`${index === 0 ? '{' : ','}"${book}":{"assigned":{`, assigned, '}');
    yield* inParts(',"kept":{', kept, '}}');
  }
  yield* inParts(',"balancerAddresses":{', entries(allocations.balancerAddresses.entries()), '}');
  yield `,"leavingCidrs":${JSON.stringify(allocations.leavingCidrs)}`;
  yield* inParts(',"placements":{', entries(entriesOf(allocations.placements)), '}');
  yield* inParts(
    ',"given":[',
    given.values().map((object) => JSON.stringify(object)),
    ']}',
  );
}

/** Assigned entries, then those kept besides. */
function claimEntries({ assigned, kept }: ClaimHistory): readonly [Iterable<string>, Iterable<string>] {
  const holders = new Map<string, ObjectName>();
  const places = entriesOf(assigned).flatMap(([owner, assignments]) =>
    assignments.map(({ slot, value }) => {
      holders.set(value, owner);
      return entry(`${owner}|${slot}`, value);
    }),
  );
  const others = entriesOf(kept).map(([value, owner]) =>
    holders.get(value) === owner ? '' : entry(value, owner),
  );
  return [places, others];
}

function entries(pairs: IteratorObject<readonly [string, string]>): Iterable<string> {
  return pairs.map(([key, value]) => entry(key, value));
}

function entry(key: string, value: string): string {
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

/** @param items those that are empty are left out */
function* inParts(begin: string, items: Iterable<string>, end: string): Generator<string> {
  yield begin;
  let comma = '';
  for (const item of items) {
    yield item === '' ? '' : comma + item;
    if (item !== '') comma = ',';
  }
  yield end;
}

/**
 * @param by version of this Weir: what another one was given is judged anew
 * @throws AllocationTextError for a text that is damaged, or of another version
 */
export function readAllocationText(text: string, by: string): ControlPlaneMemory {
  const [first = '', body = ''] = text.split('\n');
  const header = headerOf(first);
  if (header.version !== VERSION)
    throw new AllocationTextError(`it has version ${header.version}, and this Weir reads version ${VERSION}`);
  if (header.sha256 !== checksum(body)) throw new AllocationTextError('it is damaged: the checksum differs');
  const memory = JSON.parse(body) as MemoryJson;
  return {
    allocations: {
      nodeNumbers: claimHistory(memory.nodeNumbers),
      podAddresses: claimHistory(memory.podAddresses),
      clusterIps: claimHistory(memory.clusterIps),
      nodePorts: claimHistory(memory.nodePorts),
      balancerAddresses: new Map(Object.entries(memory.balancerAddresses)),
      leavingCidrs: memory.leavingCidrs,
      placements: snapshotOf(new Map(Object.entries(memory.placements) as [ObjectName, NodeName][])),
      slices: new Map(),
    },
    given: header.by === by ? memory.given : [],
  };
}

function headerOf(line: string): Header {
  try {
    const header = JSON.parse(line) as Header;
    if (header.weir === 'allocations' && typeof header.version === 'number') return header;
  } catch (cause) {
    throw new AllocationTextError('it is no JSON', cause);
  }
  throw new AllocationTextError('it is no file of allocations');
}

function checksum(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function claimHistory({ assigned, kept }: ClaimJson): ClaimHistory {
  const slots = new Map<ObjectName, Assignment[]>();
  const keepers = new Map(Object.entries(kept));
  for (const [place, value] of Object.entries(assigned)) {
    const bar = place.indexOf('|');
    const [owner, slot] = [place.slice(0, bar) as ObjectName, place.slice(bar + 1)];
    slots.set(owner, [...(slots.get(owner) ?? []), { slot, value }]);
    keepers.set(value, owner);
  }
  return { assigned: snapshotOf(slots), kept: snapshotOf(keepers) };
}
