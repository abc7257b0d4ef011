/** What brings policies into the kernel, and what that did. */
import type { Address } from '../model/address.ts';
import type { ObjectName } from '../model/names.ts';
import type { PolicyClassName, PolicyRowsChange } from '../model/policy-rows.ts';

/** A local pod's interface on the node's side. */
export interface PodInterface {
  readonly pod: ObjectName;
  /** In the node's network namespace. */
  readonly interfaceIndex: number;
  /** What the pod may send from: at most one of each family. */
  readonly addresses: readonly Address[];
  /** Nothing may pass yet: it is not known whether a policy selects the pod. */
  readonly held: boolean;
}

/** Packets meet all of it or nothing. */
export interface PolicyChange {
  readonly rows?: PolicyRowsChange;
  /** The whole new value of a pod's interface, or null where it went. */
  readonly interfaces?: ReadonlyMap<ObjectName, PodInterface | null>;
}

/** What one transaction did. */
export interface PolicyApplyReport {
  /** Entries written. */
  readonly written: number;
  /** Of the rows that packets are judged by from now on. */
  readonly revision: number;
  /** Classes that found no room in the table: their pods are closed. */
  readonly unprogrammed: readonly PolicyClassName[];
}
