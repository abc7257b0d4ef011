/** Agents of a lab, killed. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { LabCluster } from './lab-cluster.ts';

/** Resolves when the agents of these nodes are gone; the next change of the lab starts them again. */
export async function killAgents(lab: Pick<LabCluster, 'agentPid'>, nodes: readonly string[]): Promise<void> {
  for (const onNode of nodes) {
    const pid = await lab.agentPid(onNode);
    process.kill(pid, 'SIGKILL');
    while (existsSync(`/proc/${pid}/cmdline`) && !(await isZombie(pid))) await sleep(5);
  }
}

async function isZombie(pid: number): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'stat=', '-p', String(pid)]).catch(() => ({
    stdout: 'Z',
  }));
  return stdout.startsWith('Z');
}
