/** A real agent, from a batch of its source to the kernel, in this process: all but a source of its own. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pino } from 'pino';
import { type RunningAgent, startAgent } from '../../src/agent/agent.ts';
import { systemClock } from '../../src/agent/clock.ts';
import { readConfiguration } from '../../src/agent/configuration.ts';
import { completedElsewhere, createPipeline } from '../../src/agent/pipeline.ts';
import { policyParts } from '../../src/cli/policy-parts.ts';
import { createPolicyCompiler } from '../../src/compile/policies/compiler.ts';
import { createServiceCompiler } from '../../src/compile/services/compiler.ts';
import { probeCapabilities } from '../../src/dataplane/capabilities.ts';
import { openNftDataplane } from '../../src/dataplane/nft/dataplane.ts';
import type { PolicyBackend, PolicyInstallReport } from '../../src/dataplane/policy-backend.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import type { NodeName } from '../../src/model/names.ts';
import type { WeirObject } from '../../src/model/objects.ts';
import type { Source, SourceBatch } from '../../src/model/source.ts';
import { createWorld } from '../../src/world/world.ts';
import type { Enforcement } from './policy-messages.ts';

export interface PolicyAgentOptions {
  /** Who enforces policies; `off`: the same agent, for Services alone. */
  readonly enforcement: Enforcement;
  readonly node: NodeName;
  /** Unique on this machine. */
  readonly instance: string;
  /** For the control socket. */
  readonly folder: string;
}

export interface PolicyAgent {
  /** Milliseconds from the object's arrival until the kernel judges by it. Throws when nothing had to be written. */
  change(object: WeirObject): Promise<number>;
  /** Ends the agent and what it pinned; nft's tables stay. */
  close(): Promise<void>;
}

/**
 * Starts an agent in the network namespace of this process; resolves when all the objects are in the kernel. Throws when it
 * did not find the interface of every local pod.
 */
export async function startPolicyAgent(
  objects: readonly WeirObject[],
  { enforcement, node, instance, folder }: PolicyAgentOptions,
): Promise<PolicyAgent> {
  const configuration = readConfiguration({ flags: flagsOf(enforcement, node), environment: {}, file: null });
  const { compile } = configuration;
  const log = pino({ level: 'warn' }, pino.destination(2));
  const capabilities = await probeCapabilities();
  const world = createWorld();
  const pipeline = createPipeline({
    controlPlane: completedElsewhere,
    world,
    compiler: createServiceCompiler(compile),
    policyCompiler: createPolicyCompiler(compile.node),
  });
  const parts = policyParts(
    { configuration: { ...configuration, instance }, capabilities, pipeline, servesSockets: false },
    log,
  );
  const installs = createInstallWatch();
  const { source, tell } = memorySource(objects);
  const agent = await startAgent({
    configuration,
    source,
    pipeline,
    openDataplane: () => openNftDataplane({ log, nodePortRange: compile.nodePortRange }),
    capabilities,
    ...(enforcement === 'off'
      ? {}
      : {
          policies: {
            ...parts,
            openBackend: async (...on) => installs.watching(await parts.openBackend(...on)),
          },
        }),
    clock: systemClock,
    log,
    socketPath: join(folder, `${instance}.sock`),
  });
  await agent.syncNow(null);
  if (enforcement !== 'off') requireInterfaces(agent, [...world.view.podsOnNode(node)].length);
  return {
    async change(object) {
      const began = performance.now();
      const installed = installs.next();
      tell([object]);
      const { written } = await installed;
      const took = performance.now() - began;
      if (written === 0) throw new Error('a change that should have reached the kernel wrote nothing');
      return took;
    },
    async close() {
      await agent.stop();
      await rm(pinDirectory(instance), { recursive: true, force: true });
    },
  };
}

/** No waiting between syncs, and no repair while changes are measured: `api-change` tells what that costs one. */
function flagsOf(enforcement: Enforcement, node: NodeName) {
  const backend = enforcement === 'direct' ? 'bpf' : enforcement;
  return {
    source: '/objects-in-memory',
    'hostname-override': node,
    'policy-backend': backend === 'off' ? 'auto' : backend,
    'same-node': enforcement === 'direct' ? 'direct' : 'stack',
    'healthz-bind-address': '',
    'metrics-bind-address': '',
    'min-sync-period': '0',
    'sync-period': '1h',
  };
}

function requireInterfaces(agent: RunningAgent, pods: number): void {
  const found = agent.podInterfaces().filter(({ held }) => !held).length;
  if (found !== pods)
    throw new Error(`${found} of ${pods} local pods have an interface that the agent found`);
}

/** Tells of the next change that a backend wrote. */
function createInstallWatch() {
  let waiting: { resolve(report: PolicyInstallReport): void; reject(error: unknown): void } | null = null;
  return {
    next: () =>
      new Promise<PolicyInstallReport>((resolve, reject) => {
        waiting = { resolve, reject };
      }),
    watching: (backend: PolicyBackend): PolicyBackend => ({
      ...backend,
      async apply(change) {
        const waiter = waiting;
        waiting = null;
        try {
          const report = await backend.apply(change);
          waiter?.resolve(report);
          return report;
        } catch (error) {
          waiter?.reject(error);
          throw error;
        }
      },
    }),
  };
}

/** A source whose first batch is these objects, and that tells what it is told to. */
function memorySource(objects: readonly WeirObject[]) {
  let listener = (_: SourceBatch): void => {};
  const tell = (changed: readonly WeirObject[]): void =>
    listener({ changes: changed.map((object) => ({ type: 'set', object })), problems: [] });
  const source: Source = {
    async start(first) {
      listener = first;
      tell(objects);
    },
    rescan: async () => {},
    state: () => ({
      origin: 'memory',
      synced: true,
      lastEventAtMs: null,
      retries: 0,
      reason: null,
      skippedKinds: {},
    }),
    stop: async () => {},
  };
  return { source, tell };
}
