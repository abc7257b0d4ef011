/** The standalone control plane: what an API server and its controllers do to objects, one batch at a time. */
import type { ObjectChange, Problem } from '../model/objects.ts';
import type { ClusterOptions } from './options.ts';

export interface ControlPlane {
  /** Takes changes of the input and tells what they change in the completed objects; all problems known now. */
  apply(changes: readonly ObjectChange[]): {
    readonly changes: readonly ObjectChange[];
    readonly problems: readonly Problem[];
  };
}

export function createControlPlane(_options: ClusterOptions): ControlPlane {
  return { apply: (changes) => ({ changes, problems: [] }) };
}
