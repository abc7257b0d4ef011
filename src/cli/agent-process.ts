/** The agent's process: its parts put together, from start to the signal that ends it. */
import type { RunningAgent } from '../agent/agent.ts';
import { startAgent } from '../agent/agent.ts';
import { systemClock } from '../agent/clock.ts';
import type { AgentConfiguration } from '../agent/configuration.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { refuseNeighbours } from '../agent/neighbours.ts';
import { createPipeline } from '../agent/pipeline.ts';
import { createControlPlane } from '../cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import { createServiceCompiler } from '../compile/services/compiler.ts';
import { openNftDataplane } from '../dataplane/nft/dataplane.ts';
import { directorySource } from '../source/directory.ts';
import { createWorld } from '../world/world.ts';
import { createLog } from './log.ts';

/** Runs until SIGTERM or SIGINT, which end it cleanly and leave the kernel's state. */
export async function runAgentProcess(configuration: AgentConfiguration): Promise<void> {
  const log = createLog(configuration.logLevel);
  const source = directorySource({ directory: configuration.source, log });
  const pipeline = createPipeline({
    controlPlane: createControlPlane({
      ...DEFAULT_CLUSTER_OPTIONS,
      serviceCidrs: configuration.compile.serviceCidrs,
      nodePortRange: configuration.compile.nodePortRange,
    }),
    world: createWorld(),
    compiler: createServiceCompiler(configuration.compile),
  });
  await refuseNeighbours(configuration.instance);
  const stopped = stopSignal();
  const agent: RunningAgent = await startAgent({
    configuration,
    source,
    pipeline,
    openDataplane: () => openNftDataplane({ log, nodePortRange: configuration.compile.nodePortRange }),
    clock: systemClock,
    log,
    socketPath: controlSocketPath(configuration.instance),
  });
  log.info(`${await stopped}: stopping; what is in the kernel stays`);
  await agent.stop();
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
