/** A folder of manifests as the agent's input: completed by a control plane whose choices outlive the process. */
import type { Logger } from 'pino';
import { openAllocationFile, readAllocations } from '../agent/allocation-file.ts';
import type { AgentConfiguration } from '../agent/configuration.ts';
import type { PipelineParts } from '../agent/pipeline.ts';
import { createControlPlane } from '../cluster/control-plane.ts';
import { keepLastGood } from '../cluster/last-good.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import type { Source } from '../model/source.ts';
import { directorySource } from '../source/directory.ts';

export interface FolderInput {
  readonly source: Source;
  readonly controlPlane: PipelineParts['controlPlane'];
  /** Has the last choices written. */
  close(): Promise<void>;
}

/** Reads what an earlier agent of this instance chose. */
export async function openFolderInput(
  { source, compile, loadBalancerPools, allocationFile: path }: AgentConfiguration,
  log: Logger,
): Promise<FolderInput> {
  const memory = await readAllocations(path, log);
  const { serviceCidrs, nodePortRange } = compile;
  const options = { ...DEFAULT_CLUSTER_OPTIONS, serviceCidrs, nodePortRange, loadBalancerPools };
  const plane = keepLastGood(createControlPlane(options, memory?.allocations), memory?.given);
  const file = openAllocationFile({ path, memory: () => plane.memory(), log });
  return {
    source: directorySource({ directory: source, log }),
    controlPlane: {
      apply(changes) {
        const result = plane.apply(changes);
        file.note(plane.revision());
        return result;
      },
    },
    close: () => file.close(),
  };
}
