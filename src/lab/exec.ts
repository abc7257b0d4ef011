/** Runs a command inside a pod, on a node, or as the external client. */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { LabError } from './lab-error.ts';
import { labDirectory, NETNS_DIRECTORY } from './lab-names.ts';
import type { ProcessPlan } from './plan.ts';
import { type PodSurroundings, podSurroundings } from './pod-surroundings.ts';
import { type LabState, readState } from './state.ts';

const HOSTS = '/etc/hosts';
const RESOLV_CONF = '/etc/resolv.conf';

export interface LabExecOptions {
  readonly name: string;
  /** `ns/pod`, `node/NAME` or `external`. */
  readonly who: string;
  readonly argv: readonly string[];
}

/**
 * Runs the command in the network namespace and cgroup of `who`, with this process's input and output. In a pod it has
 * the environment, /etc/hosts and /etc/resolv.conf that a kubelet would give it, the files by mounts that only it sees.
 * Resolves with its exit code, 128 + number if a signal ended it.
 * @throws LabError (usage) if there is no such lab, pod, node or command, or the pod's settings are wrong; (failed) if
 *   it can't be started
 */
export async function labExec({ name, who, argv }: LabExecOptions): Promise<number> {
  const state = readState(name);
  const plan = state.plan.processes.find(({ id }) => id === who);
  if (plan === undefined) {
    const known = state.plan.processes.map(({ id }) => id).join(', ');
    throw new LabError('usage', `${who} does not run in lab ${name}; known: ${known}`);
  }
  if (argv.length === 0) throw new LabError('usage', 'no command given; write it after --');
  const surroundings = surroundingsOf(state, who);
  const enter = enterScript(plan, surroundings === undefined ? [] : writeFiles(state, plan, surroundings));
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', enter, 'sh', ...argv], {
      stdio: 'inherit',
      env: { ...process.env, ...surroundings?.environment },
    });
    child.on('error', (cause) =>
      reject(new LabError('failed', `cannot run ${argv[0]}: ${cause.message}`, cause)),
    );
    child.on('close', (code, signal) =>
      resolve(signal === null ? (code ?? 1) : 128 + constants.signals[signal]),
    );
  });
}

function surroundingsOf(state: LabState, who: string): PodSurroundings | undefined {
  const node = { hosts: textOf(HOSTS), resolvConf: textOf(RESOLV_CONF) };
  return podSurroundings(who, state.documents, node);
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'utf8') : '';
}

/** A file, and what it is mounted over. */
interface Mount {
  readonly from: string;
  readonly to: string;
}

/** The pod's files, beside its control socket; what this machine has no file for can't be mounted. */
function writeFiles(
  { name }: LabState,
  { socket }: ProcessPlan,
  { hosts, resolvConf }: PodSurroundings,
): readonly Mount[] {
  const files = [
    { to: HOSTS, suffix: 'hosts', text: hosts },
    { to: RESOLV_CONF, suffix: 'resolv', text: resolvConf },
  ];
  return files
    .filter(({ to }) => existsSync(to))
    .map(({ to, suffix, text }) => {
      const from = `${socket.replace(/\.sock$/, '')}.${suffix}`;
      // Replaced in one step: another command in the pod may be reading it.
      const temporary = `${labDirectory(name)}/.${process.pid}.${suffix}`;
      writeFileSync(temporary, text);
      renameSync(temporary, from);
      return { from, to };
    });
}

function enterScript({ cgroup, namespace }: ProcessPlan, mounts: readonly Mount[]): string {
  const join = cgroup === null ? ':' : `echo $$ > ${cgroup}/cgroup.procs`;
  const network = `nsenter --net=${NETNS_DIRECTORY}/${namespace} --`;
  if (mounts.length === 0) return `${join} && exec ${network} "$@"`;
  const bind = mounts.map(({ from, to }) => `mount --bind ${from} ${to}`).join(' && ');
  return `${join} && exec ${network} unshare --mount sh -c '${bind} && exec "$@"' sh "$@"`;
}
