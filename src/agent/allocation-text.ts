/**
 * What the standalone control plane remembers, as text: a line that says what it is, with a checksum, and a line of JSON.
 * Slices are left out: they are made anew, and rows do not show which endpoint was in which.
 */
import { createHash } from 'node:crypto';
import type { ClaimHistory } from '../cluster/claims.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import type { Address } from '../model/address.ts';
import type { NodeName, ObjectName } from '../model/names.ts';
import type { ServiceCidrObject, WeirObject } from '../model/objects.ts';

/** Raised whenever the JSON below means something else. */
const VERSION = 1;

interface ClaimJson {
  readonly assigned: Readonly<Record<string, string>>;
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

/** @param by version of this Weir */
export function allocationText({ allocations, given }: ControlPlaneMemory, by: string): string {
  const memory: MemoryJson = {
    nodeNumbers: claimJson(allocations.nodeNumbers),
    podAddresses: claimJson(allocations.podAddresses),
    clusterIps: claimJson(allocations.clusterIps),
    nodePorts: claimJson(allocations.nodePorts),
    balancerAddresses: Object.fromEntries(allocations.balancerAddresses),
    leavingCidrs: allocations.leavingCidrs,
    placements: Object.fromEntries(allocations.placements),
    given,
  };
  const body = JSON.stringify(memory);
  const header: Header = { weir: 'allocations', version: VERSION, by, sha256: checksum(body) };
  return `${JSON.stringify(header)}\n${body}\n`;
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
      placements: new Map(Object.entries(memory.placements) as [ObjectName, NodeName][]),
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

function claimJson({ assigned, kept }: ClaimHistory): ClaimJson {
  return { assigned: Object.fromEntries(assigned), kept: Object.fromEntries(kept) };
}

function claimHistory({ assigned, kept }: ClaimJson): ClaimHistory {
  return { assigned: new Map(Object.entries(assigned)), kept: new Map(Object.entries(kept)) };
}
