/** The agent's process: its parts put together, from start to the signal that ends it. */
import type { Logger } from 'pino';
import { startAgent } from '../agent/agent.ts';
import { systemClock } from '../agent/clock.ts';
import type { AgentConfiguration } from '../agent/configuration.ts';
import { createEventWriter, type EventWriter } from '../agent/event-writer.ts';
import { controlSocketPath } from '../agent/instance-paths.ts';
import { refuseNeighbours } from '../agent/neighbours.ts';
import { completedElsewhere, createPipeline, type PipelineParts } from '../agent/pipeline.ts';
import { createPolicyCompiler } from '../compile/policies/compiler.ts';
import { createServiceCompiler } from '../compile/services/compiler.ts';
import { probeCapabilities } from '../dataplane/capabilities.ts';
import { openNftDataplane } from '../dataplane/nft/dataplane.ts';
import { TABLE } from '../dataplane/nft/layout.ts';
import { removeTable } from '../dataplane/nft/removal.ts';
import { openNoServices } from '../dataplane/no-services.ts';
import type { Source } from '../model/source.ts';
import { loadAccess } from '../source/kubernetes/access.ts';
import { createConnector } from '../source/kubernetes/connection.ts';
import { kubernetesSource } from '../source/kubernetes.ts';
import { createWorld } from '../world/world.ts';
import { openFolderInput } from './folder-input.ts';
import { createLog } from './log.ts';
import { policyParts } from './policy-parts.ts';
import { socketParts } from './socket-parts.ts';

/** Runs until SIGTERM or SIGINT, which end it cleanly and leave the kernel's state. */
export async function runAgentProcess(configuration: AgentConfiguration): Promise<void> {
  const log = createLog(configuration.logLevel);
  const { source, controlPlane, events, close } = await openInput(configuration, log);
  const { compile, instance } = configuration;
  await refuseNeighbours(instance);
  const capabilities = await probeCapabilities(configuration.policyBackend);
  const sockets = await socketParts(configuration, log);
  const pipeline = createPipeline({
    controlPlane,
    world: createWorld(),
    compiler: createServiceCompiler(compile),
    policyCompiler: createPolicyCompiler(compile.node),
  });
  let signal: string | undefined;
  const stopped = stopSignal().then((name) => {
    signal = name;
    log.info(`${name}: stopping; what is in the kernel stays`);
  });
  // Also while it waits for an API server, perhaps for ever.
  void stopped.then(() => source.stop());
  const agent = await startAgent({
    configuration,
    source,
    pipeline,
    openDataplane: () => openServices(configuration, log),
    capabilities,
    sockets,
    policies: sockets.serving(
      policyParts({ configuration, capabilities, pipeline, servesSockets: sockets.backend !== null }, log),
    ),
    clock: systemClock,
    log,
    ...(events === null ? {} : { events }),
    socketPath: controlSocketPath(instance),
  }).catch((error: unknown) => {
    if (signal === undefined) throw error;
    return null;
  });
  if (agent === null) return;
  await stopped;
  await agent.stop();
  await close();
}

async function openServices({ servicesBackend, compile }: AgentConfiguration, log: Logger) {
  if (servicesBackend === 'none') return openNoServices(() => removeTable(TABLE));
  return openNftDataplane({ log, nodePortRange: compile.nodePortRange });
}

interface Input {
  readonly source: Source;
  readonly controlPlane: PipelineParts['controlPlane'];
  readonly events: EventWriter | null;
  close(): Promise<void>;
}

/** An API server has a control plane of its own; a folder needs ours. */
async function openInput(configuration: AgentConfiguration, log: Logger): Promise<Input> {
  const { source, kubeconfig, context, compile } = configuration;
  if (source === 'kubernetes') {
    const access = { kubeconfig, context, environment: process.env };
    const connector = createConnector(() => loadAccess(access));
    const timing = { ...systemClock, random: Math.random };
    return {
      source: kubernetesSource({ ...access, node: compile.node, connector, clock: systemClock, log }),
      controlPlane: completedElsewhere,
      events: configuration.events ? createEventWriter({ connector, timing, node: compile.node, log }) : null,
      close: async () => {},
    };
  }
  return { ...(await openFolderInput(configuration, log)), events: null };
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
}
