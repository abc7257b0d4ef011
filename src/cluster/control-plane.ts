/** The standalone control plane: what an API server and its controllers do to objects, one batch at a time. */
import type { ObjectChange, Problem } from '../model/objects.ts';
import { takeChange } from './intake.ts';
import { settleNamespaces } from './namespace-stage.ts';
import { settleNodes } from './node-stage.ts';
import type { ClusterOptions } from './options.ts';
import { settlePods } from './pod-stage.ts';
import { settleServices } from './service-stage.ts';
import { settleSlices } from './slice-stage.ts';
import { type AllocationHistory, createDirty, createState } from './state.ts';

export interface ControlPlane {
  /**
   * Takes changes of the input and tells what they change in the completed objects, ordered by kind and name, and all
   * problems known now. Costs what the changes touch: a pod costs the Services that select it.
   */
  apply(changes: readonly ObjectChange[]): {
    readonly changes: readonly ObjectChange[];
    readonly problems: readonly Problem[];
  };
  /** All that was chosen so far. */
  history(): AllocationHistory;
}

/**
 * @param history choices of an earlier control plane, kept where they are still possible; with the same history, the
 *   same objects are completed alike whether they come at once or in steps
 */
export function createControlPlane(options: ClusterOptions, history?: AllocationHistory): ControlPlane {
  const state = createState(options, history);
  return {
    apply(changes) {
      const dirty = createDirty();
      for (const change of changes) takeChange(state, change, dirty);
      settleNodes(state, dirty);
      settlePods(state, dirty);
      settleServices(state, dirty);
      settleSlices(state, dirty);
      settleNamespaces(state, dirty);
      return { changes: state.output.flush(), problems: state.problems.all() };
    },
    history: () => ({
      nodeNumbers: state.books.nodeNumbers.assignments(),
      podAddresses: state.books.podAddresses.assignments(),
      clusterIps: state.books.clusterIps.assignments(),
      nodePorts: state.books.nodePorts.assignments(),
      placements: new Map(state.placements),
      slices: new Map(state.madeSlices),
    }),
  };
}
