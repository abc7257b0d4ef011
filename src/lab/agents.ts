/** The agents of a lab's nodes: one process each, in the node's namespace. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { pinDirectory } from '../kernel/bpf-file-system.ts';
import type { ObjectVersion } from '../model/source.ts';
import { eachConcurrently } from './command.ts';
import { LabError, messageOf } from './lab-error.ts';
import { labDirectory, NETNS_DIRECTORY } from './lab-names.ts';
import type { AgentPlan } from './plan.ts';
import { isRunning } from './processes.ts';

const MAIN = fileURLToPath(new URL('../cli/main.ts', import.meta.url));
const START_MS = 60_000;
const STATUS_MS = 5_000;
const POLL_MS = 20;
const WIDTH = 16;

/** What an agent of the lab is started with, the one place where its command line stands. */
export function agentArguments(
  agent: AgentPlan,
  source: readonly string[],
  more: readonly string[],
): readonly string[] {
  return [
    // As the launcher `weir` does.
    '--max-semi-space-size=4',
    MAIN,
    'agent',
    ...source,
    '--instance',
    agent.instance,
    '--hostname-override',
    agent.node,
    '--masquerade-pods',
    // Left to themselves they would serve the pods of this machine's kubelet.
    ...(agent.cgroup === null ? ['--socket-lb', 'off'] : ['--socket-lb-cgroup', agent.cgroup]),
    ...more,
  ];
}

/** Starts the agent, detached; its output goes to a file in the lab's directory. Returns its process id. */
export function startAgent(lab: string, agent: AgentPlan, argv: readonly string[]): number {
  const log = openSync(agentLog(lab, agent), 'a');
  const namespace = `--net=${NETNS_DIRECTORY}/${agent.namespace}`;
  const child = spawn('nsenter', [namespace, process.execPath, ...argv], {
    detached: true,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  child.unref();
  // Without nsenter there is no id; the failure to answer tells the rest.
  child.on('error', () => undefined);
  return child.pid ?? 0;
}

/** Where the agent writes what it has to say. */
export function agentLog(lab: string, agent: AgentPlan): string {
  return `${labDirectory(lab)}/logs/agent-${agent.node}.log`;
}

/**
 * Resolves when all objects are in the kernel of every node: those of these versions, or all that agents find when
 * they look.
 * @throws LabError (failed) that names the nodes and their reasons
 */
export async function syncAgents(
  lab: string,
  agents: readonly AgentPlan[],
  pids: Readonly<Record<string, number>>,
  versions: readonly ObjectVersion[] | null,
): Promise<void> {
  const failures: string[] = [];
  await eachConcurrently(agents, WIDTH, async (agent) => {
    try {
      await syncAgent(lab, agent, pids[agent.node] ?? 0, versions);
    } catch (error) {
      failures.push(`node ${agent.node}: ${messageOf(error)}`);
    }
  });
  if (failures.length > 0) throw new LabError('failed', `not synced: ${failures.join('; ')}`);
}

/** What GET /status of the agent answers; null if it does not. */
export async function agentStatus(agent: AgentPlan): Promise<unknown> {
  try {
    return JSON.parse((await ask(agent, 'GET', '/status', STATUS_MS)).text);
  } catch {
    return null;
  }
}

/** Removes what an agent may leave in the file system. */
export function removeAgentFiles(agent: AgentPlan): void {
  rmSync(`/run/weir/${agent.instance}`, { recursive: true, force: true });
  rmSync(pinDirectory(agent.instance), { recursive: true, force: true });
}

async function syncAgent(
  lab: string,
  agent: AgentPlan,
  pid: number,
  versions: readonly ObjectVersion[] | null,
): Promise<void> {
  const body = versions === null ? '' : JSON.stringify(versions);
  const until = performance.now() + START_MS;
  for (;;) {
    try {
      const { status, text } = await ask(agent, 'POST', '/sync', START_MS, body);
      if (status === 200) return;
      throw new LabError('failed', errorOf(text));
    } catch (error) {
      if (error instanceof LabError) throw error;
      // Not listening yet.
      if (!isRunning(pid)) throw new LabError('failed', `the agent has ended: ${lastLine(lab, agent)}`);
      if (performance.now() > until)
        throw new LabError('failed', `the agent does not answer: ${await whyNot(agent, error)}`);
    }
    await sleep(POLL_MS);
  }
}

/** What its source says, where it waits for that. */
async function whyNot(agent: AgentPlan, error: unknown): Promise<string> {
  const status = (await agentStatus(agent)) as {
    readonly source?: { readonly reason: string | null };
  } | null;
  return status?.source?.reason ?? messageOf(error);
}

function ask(
  agent: AgentPlan,
  method: 'GET' | 'POST',
  path: string,
  timeout: number,
  body = '',
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const socketPath = `/run/weir/${agent.instance}/agent.sock`;
    const outgoing = request({ socketPath, method, path, agent: false, timeout }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer to ${method} ${path}`)));
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function errorOf(text: string): string {
  try {
    return (JSON.parse(text) as { readonly error?: string }).error ?? text;
  } catch {
    return text;
  }
}

function lastLine(lab: string, agent: AgentPlan): string {
  try {
    const lines = readFileSync(agentLog(lab, agent), 'utf8').trim().split('\n');
    return lines.at(-1) || 'it said nothing';
  } catch (error) {
    return messageOf(error);
  }
}
