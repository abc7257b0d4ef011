/** The objects as a lab's agents have them: read from the same folder by the same rooms, last good states included. */
import { createControlPlane } from '../cluster/control-plane.ts';
import { keepLastGood } from '../cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { ObjectChange, WeirObject } from '../model/objects.ts';
import { directorySource } from '../source/directory.ts';

export interface Replica {
  /** Looks at the folder again; resolves when `objects` is current. */
  refresh(): Promise<void>;
  objects(): readonly WeirObject[];
  stop(): Promise<void>;
}

/** Reads the folder for the first time. */
export async function openReplica(directory: string): Promise<Replica> {
  const objects = new Map<string, WeirObject>();
  const controlPlane = keepLastGood(createControlPlane(DEFAULT_CLUSTER_OPTIONS));
  const source = directorySource({ directory });
  const follow = (change: ObjectChange): void => {
    if (change.type === 'set') objects.set(keyOf(change.object), change.object);
    else objects.delete(keyOf(change));
  };
  await source.start((batch) => controlPlane.apply(batch.changes).changes.forEach(follow));
  return {
    refresh: () => source.rescan(),
    objects: () => [...objects.values()],
    stop: () => source.stop(),
  };
}

function keyOf({
  kind,
  namespace,
  name,
}: {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}) {
  return `${kind}/${namespace}/${name}`;
}
