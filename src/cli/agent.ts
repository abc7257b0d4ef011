/** `weir agent`: the process of the DaemonSet. */
import type { RunningAgent } from '../agent/agent.ts';
import { startAgent } from '../agent/agent.ts';
import { systemClock } from '../agent/clock.ts';
import { type AgentConfiguration, ConfigurationError, readConfiguration } from '../agent/configuration.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { createPipeline } from '../agent/pipeline.ts';
import { createControlPlane } from '../cluster/control-plane.ts';
import { DEFAULT_CLUSTER_OPTIONS } from '../cluster/options.ts';
import { createServiceCompiler } from '../compile/services/compiler.ts';
import { openNftDataplane } from '../dataplane/nft/dataplane.ts';
import { directorySource } from '../source/directory.ts';
import { createWorld } from '../world/world.ts';
import { CommandFailure, requireRoot, usageFailure } from './exit.ts';
import { createLog } from './log.ts';

/** Flags as commander gives them, by key name; `config` is the file. */
export type AgentFlags = Readonly<Record<string, string | true | undefined>>;

/** Runs until SIGTERM or SIGINT, which end it cleanly and leave the kernel's state. */
export async function runAgent(flags: AgentFlags): Promise<void> {
  const configuration = configure(flags);
  requireRoot('the agent writes nftables of this network namespace');
  const log = createLog(configuration.logLevel);
  const source = directorySource({ directory: configuration.source });
  const pipeline = createPipeline({
    controlPlane: createControlPlane({
      ...DEFAULT_CLUSTER_OPTIONS,
      serviceCidrs: configuration.compile.serviceCidrs,
      nodePortRange: configuration.compile.nodePortRange,
    }),
    world: createWorld(),
    compiler: createServiceCompiler(configuration.compile),
  });
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

function configure(flags: AgentFlags): AgentConfiguration {
  const { config, ...rest } = flags;
  try {
    const file = config === undefined ? (process.env.WEIR_CONFIG ?? null) : String(config);
    const configuration = readConfiguration({ flags: rest, environment: process.env, file });
    if (configuration.source === 'kubernetes') {
      throw usageFailure('--source kubernetes comes with the API-server source; give a folder of manifests');
    }
    return configuration;
  } catch (error) {
    if (error instanceof ConfigurationError) throw new CommandFailure(error.message, { exitCode: 2 });
    throw error;
  }
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
