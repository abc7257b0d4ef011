/** The process of a pod (native/pod): starting it, and talking to its control socket. */
import { existsSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { runCommand } from './command.ts';
import { LabError, messageOf } from './lab-error.ts';
import { NETNS_DIRECTORY } from './lab-names.ts';
import type { ProcessPlan } from './plan.ts';

const BUILT = fileURLToPath(new URL('../../native/build/Release/weir-pod', import.meta.url));

/** The program; WEIR_POD_PROGRAM names another one. */
export function podProgram(): string {
  return process.env.WEIR_POD_PROGRAM ?? BUILT;
}

/** @throws LabError (failed) if the program has not been built */
export function checkPodProgram(): void {
  const program = podProgram();
  if (!existsSync(program)) {
    throw new LabError(
      'failed',
      `${program} is missing; build it with \`npm install\` or name it in WEIR_POD_PROGRAM`,
    );
  }
}

/** Starts the process in its namespace and cgroup; resolves with its id once it takes commands. */
export async function startPodProcess(plan: ProcessPlan, sysctls: readonly string[]): Promise<number> {
  const argv = ['--control', plan.socket, '--netns', `${NETNS_DIRECTORY}/${plan.namespace}`];
  if (plan.cgroup !== null) argv.push('--cgroup', plan.cgroup);
  if (plan.owner) for (const sysctl of sysctls) argv.push('--sysctl', sysctl);
  return Number(await runCommand(podProgram(), argv));
}

/** Tells the process what to serve; resolves with a note for each port that it could not open. */
export async function serve(plan: ProcessPlan): Promise<readonly string[]> {
  const ports = [
    ...plan.servers.map(({ protocol, port }) => `${protocol}:${port}`),
    ...plan.sctpPortsOfOthers.map((port) => `PEER:${port}`),
  ].join(',');
  const abort = plan.owner ? 'abort' : 'quiet';
  const command = `serve ${plan.pod} ${plan.podNamespace} ${plan.node} ${abort} ${ports || '-'}\n`;
  const [answer] = await converse(plan.socket, command, 1);
  const { failed = [] } = answer as {
    readonly failed?: readonly {
      readonly protocol: string;
      readonly port: number;
      readonly cause: string;
    }[];
  };
  // One failure per family; a person needs to read it once.
  const notes = failed.map(
    ({ protocol, port, cause }) => `${plan.id}: cannot serve ${port}/${protocol}: ${cause}`,
  );
  return [...new Set(notes)];
}

/** One probe as the process takes it. Port and source port are 0 where there is none; mark 0: unmarked. */
export interface PodProbe {
  readonly protocol: 'TCP' | 'UDP' | 'SCTP' | 'ICMP';
  readonly address: string;
  readonly port: number;
  /** null: the kernel chooses. */
  readonly source: string | null;
  readonly sourcePort: number;
  readonly mark: number;
}

/** Its answer; `ms` since the probe was started. */
export type PodAnswer =
  | { readonly verdict: string; readonly answer: string; readonly ms: number }
  | { readonly error: string };

/**
 * Runs probes side by side and resolves with their answers, in the same order.
 * @throws LabError (failed) if the process does not answer
 */
export async function probeFrom(socket: string, probes: readonly PodProbe[]): Promise<readonly PodAnswer[]> {
  if (probes.length === 0) return [];
  const lines = probes.map(
    ({ protocol, address, port, source, sourcePort, mark }, id) =>
      `${id} ${protocol} ${address} ${port} ${source ?? '-'} ${sourcePort} ${mark}\n`,
  );
  const command = `probe ${probes.length}\n${lines.join('')}`;
  const answers: PodAnswer[] = probes.map(() => ({ error: 'the pod did not answer' }));
  for (const line of await converse(socket, command, probes.length + 1)) {
    const { id } = line as { readonly id?: string };
    if (id !== undefined) answers[Number(id)] = line as PodAnswer;
  }
  return answers;
}

/** Sends commands and collects the expected number of answer lines. */
function converse(path: string, commands: string, answers: number): Promise<readonly unknown[]> {
  return new Promise((resolve, reject) => {
    const lines: string[] = [];
    let rest = '';
    const socket: Socket = connect(path);
    const fail = (cause: unknown): void => {
      socket.destroy();
      reject(new LabError('failed', `the process at ${path} does not answer: ${messageOf(cause)}`, cause));
    };
    socket.setEncoding('utf8');
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('it closed the connection')));
    socket.on('data', (chunk: string) => {
      const parts = (rest + chunk).split('\n');
      rest = parts.pop() ?? '';
      lines.push(...parts);
      if (lines.length < answers) return;
      socket.removeAllListeners('close');
      socket.destroy();
      resolve(lines.map((line) => JSON.parse(line) as unknown));
    });
    socket.write(commands);
  });
}
