/** Runs a command inside a pod, on a node, or as the external client. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LabError } from './lab-error.ts';
import { NETNS_DIRECTORY } from './lab-names.ts';
import { readState } from './state.ts';

export interface LabExecOptions {
  readonly name: string;
  /** `ns/pod`, `node/NAME` or `external`. */
  readonly who: string;
  readonly argv: readonly string[];
}

/**
 * Runs the command in the network namespace and cgroup of `who`, with this process's input and output. Resolves with
 * its exit code, 128 + number if a signal ended it.
 * @throws LabError (usage) if there is no such lab, pod, node or command; (failed) if it can't be started
 */
export async function labExec({ name, who, argv }: LabExecOptions): Promise<number> {
  const state = readState(name);
  const process = state.plan.processes.find(({ id }) => id === who);
  if (process === undefined) {
    const known = state.plan.processes.map(({ id }) => id).join(', ');
    throw new LabError('usage', `${who} does not run in lab ${name}; known: ${known}`);
  }
  if (argv.length === 0) throw new LabError('usage', 'no command given; write it after --');
  const join = process.cgroup === null ? ':' : `echo $$ > ${process.cgroup}/cgroup.procs`;
  const enter = `${join} && exec nsenter --net=${NETNS_DIRECTORY}/${process.namespace} -- "$@"`;
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', enter, 'sh', ...argv], { stdio: 'inherit' });
    child.on('error', (cause) =>
      reject(new LabError('failed', `cannot run ${argv[0]}: ${cause.message}`, cause)),
    );
    child.on('close', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}
