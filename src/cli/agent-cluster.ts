/** Manifests completed as a running agent completes them: what it was given, and what it chose before. */
import { readFile } from 'node:fs/promises';
import { readAllocationText } from '../agent/allocation-text.ts';
import type { AgentStatus } from '../agent/status.ts';
import { weirVersion } from '../agent/version.ts';
import type { ControlPlaneMemory } from '../cluster/last-good.ts';
import type { ClusterOptions } from '../cluster/options.ts';
import { type PoolFlags, poolOptions } from './pool-flags.ts';

/** What its control plane chose and was given; null: it has none. */
export async function readMemory(path: string): Promise<ControlPlaneMemory | null> {
  try {
    return readAllocationText(await readFile(path, 'utf8'), weirVersion());
  } catch {
    // An agent of an API server has none, and one that has just started not yet.
    return null;
  }
}

/** The agent's ranges and pools, but for pools that the flags name; null: no agent. */
export function clusterOptionsOf(
  agent: Pick<AgentStatus, 'options' | 'loadBalancerPools'> | null,
  flags: PoolFlags,
): Partial<ClusterOptions> {
  const given = flags.loadBalancerPools === undefined ? {} : poolOptions(flags);
  if (agent === null) return given;
  const { loadBalancerPools, options } = agent;
  const { serviceCidrs, nodePortRange } = options;
  return { serviceCidrs, nodePortRange, loadBalancerPools, ...given };
}
