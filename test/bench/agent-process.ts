/** A real `weir agent` inside a namespace: what a user starts, with its Node, its checks and its own memory. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { askAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath, runDirectory } from '../../src/agent/instance-paths.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { CLUSTER_CIDR, NODE, SERVICE_CIDR } from './cluster-shape.ts';
import { peakRssMb } from './memory.ts';
import { spawnInNamespace } from './namespaces.ts';

const POLL_MS = 20;
const MAX_START_MS = 300_000;

/**
 * Starts an agent on a folder of manifests and waits until it reports that all is in the kernel; then stops it. Time
 * runs from the start of the process. Throws when the agent ends early or sees a cluster of another size.
 */
export async function measureAgentStart(
  namespace: string,
  folder: string,
  services: number,
): Promise<{ wallMs: number; peakRssMb: number }> {
  const instance = namespace;
  const parameters = ['agent', '--source', folder, '--instance', instance, '--hostname-override', NODE];
  const settings = [
    '--cluster-cidr',
    CLUSTER_CIDR,
    '--service-cluster-ip-range',
    SERVICE_CIDR,
    '--log-level',
    'error',
  ];
  const weir = join(import.meta.dirname, '../../weir');
  const start = performance.now();
  const agent = spawnInNamespace(
    namespace,
    weir,
    [...parameters, ...settings],
    ['ignore', 'ignore', 'inherit'],
  );
  const killWithUs = (): boolean => agent.kill('SIGKILL');
  process.once('exit', killWithUs);
  try {
    while (performance.now() - start < MAX_START_MS) {
      if (agent.exitCode !== null)
        throw new Error(`weir agent ended with ${agent.exitCode} while it was starting`);
      const status = await statusOf(instance);
      if (status?.sync.state === 'synced' && status.counts.services === services) {
        return { wallMs: performance.now() - start, peakRssMb: peakRssMb(agent.pid ?? 0) };
      }
      await delay(POLL_MS);
    }
    throw new Error(`weir agent did not load ${services} Services within ${MAX_START_MS / 1000} s`);
  } finally {
    agent.kill('SIGTERM');
    await new Promise((resolve) => (agent.exitCode === null ? agent.once('exit', resolve) : resolve(null)));
    process.off('exit', killWithUs);
    rmSync(runDirectory(instance), { recursive: true, force: true });
  }
}

async function statusOf(instance: string): Promise<AgentStatus | null> {
  try {
    return (await askAgent(controlSocketPath(instance), 'GET', '/status')) as AgentStatus;
  } catch {
    // Not listening yet.
    return null;
  }
}
