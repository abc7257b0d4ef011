/** What every backend that enforces policies offers the agent. */

import type { DropReason, Tally } from '../generated/policy.ts';
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { Direction, PolicyRows, RuleName } from '../model/policy-rows.ts';
import type { MapUpgrade } from './bpf/migration/takeover.ts';
import type { ServiceDataplane } from './bpf/services/dataplane.ts';
import type { PodInterface, PolicyApplyReport, PolicyChange } from './policy-change.ts';

/** A pod whose interface has no programs: nothing is enforced there. */
export interface Unguarded {
  readonly pod: ObjectName;
  readonly interfaceIndex: number;
  readonly why: string;
}

export interface PolicyInstallReport extends PolicyApplyReport {
  readonly unguarded: readonly Unguarded[];
}

export interface DropFigure {
  readonly reason: DropReason;
  readonly ingress: number;
  readonly egress: number;
}

export interface RuleFigure {
  readonly rule: RuleName;
  /** Flows it decided, and packets it denied. */
  readonly hits: number;
  /** Milliseconds since the epoch. */
  readonly lastHitMs: number;
}

/** Interfaces of pods between which packets go past the node's stack, and those where somebody else would miss them. */
export interface PassageFigures {
  readonly interfaces: number;
  readonly refused: readonly {
    /** Its name. */
    readonly interface: string;
    /** Others' programs of tcx, filters or queues there; `bridge`: it is a port of one. */
    readonly why: readonly ('program' | 'filter' | 'queue' | 'bridge')[];
  }[];
  /** Why nobody could look; all goes by the stack then. */
  readonly lastError: string | null;
}

/** What stands in the kernel and what it counted since the maps were made. */
export interface PolicyFigures {
  readonly revision: number;
  /** Flows that the last sweep left; null: the kernel keeps them among all others. */
  readonly flows: number | null;
  /** Times another process's change was undone. */
  readonly repairs: number;
  /** What became of maps that an earlier build laid out in another way; null: there were none. */
  readonly upgrade: MapUpgrade | null;
  /** null: what pods of the node send each other goes by its stack, as everything does. */
  readonly passages: PassageFigures | null;
  /** Entries that the tables can hold; none of those that grow as they need. */
  readonly capacities: Readonly<Partial<Record<'subjects' | 'peers' | 'verdicts' | 'flows', number>>>;
  /** Every reason there is, also those that never occurred. */
  readonly drops: readonly DropFigure[];
  readonly tallies: Readonly<Record<Tally, number>>;
  /** Rules that ever decided, of those that still stand. */
  readonly rules: readonly RuleFigure[];
}

export interface Dialled {
  readonly address: Address;
  /** 0 where the protocol has none. */
  readonly port: number;
}

/** One decision that the kernel tells of. */
export interface PolicyVerdict {
  /** Milliseconds since the epoch. */
  readonly timeMs: number;
  /** `drop`: the first packet of a flow; `cut`: an open flow after a change; `audit`: passes, and would be denied. */
  readonly kind: 'allow' | 'drop' | 'cut' | 'audit';
  /** Of the packet, seen from the pod whose interface it met. */
  readonly direction: Direction;
  /** The pod's side. */
  readonly local: Address;
  readonly localPort: number;
  readonly peer: Address;
  readonly peerPort: number;
  /** What the pod sent it to, where that is led to the peer; null: to the peer itself, or nobody knows. */
  readonly dialled: Dialled | null;
  readonly interfaceIndex: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** Bytes of the frame. */
  readonly length: number;
  readonly reason: DropReason;
  /** null: no rule decided, or one that is gone by now. */
  readonly rule: RuleName | null;
  readonly auditRule: RuleName | null;
}

export interface PolicyBackend {
  readonly name: 'bpf' | 'nft';
  /** null: others translate Service addresses before packets are judged. */
  readonly services: ServiceDataplane | null;
  /** Makes the kernel hold exactly these rows and guard exactly these interfaces, writing only the difference. */
  sync(rows: PolicyRows, interfaces: ReadonlyMap<ObjectName, PodInterface>): Promise<PolicyInstallReport>;
  /** Applies a change; packets meet all of it or nothing. After a rejection the next call reads everything back. */
  apply(change: PolicyChange): Promise<PolicyInstallReport>;
  /** Reads everything back and restores what differs. */
  repair(): Promise<PolicyInstallReport>;
  /** Removes what only the rows before the last change needed; to be called a moment after it. */
  collect(): Promise<void>;
  /** Forgets flows that ended. */
  sweep(): Promise<void>;
  figures(): Promise<PolicyFigures>;
  /** Ends what this process holds; what is in the kernel goes on. */
  close(): Promise<void>;
}
