/** One agent at a time in a node's namespace of the lab, with the source that a test chooses. */
import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { askAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { RowsJson } from '../../src/agent/rows-json.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { boundToParent } from '../bound-command.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface NodeAgent {
  /** Starts it with these flags. */
  start(...flags: readonly string[]): void;
  /** SIGTERM; resolves with the exit code when it has ended. */
  stop(): Promise<number | null>;
  status(): Promise<AgentStatus>;
  /** GET /rows, ordered by id and address. */
  rows(): Promise<RowsJson>;
  /** Has it look at its source again; resolves when all is in the kernel. */
  sync(): Promise<void>;
  /** What it has said so far. */
  said(): string;
  /** Stops it and removes its files and pins. */
  remove(): Promise<void>;
}

/** Nothing runs until `start`. Agents of one process are told apart by their instances. */
export function createNodeAgent(
  netns: string,
  node: string,
  instance = `cluster-test-${process.pid}`,
): NodeAgent {
  const socket = controlSocketPath(instance);
  let child: ChildProcess | null = null;
  let said = '';
  const stop = () =>
    new Promise<number | null>((resolve) => {
      if (child === null || child.exitCode !== null) resolve(child?.exitCode ?? null);
      else {
        child.once('exit', resolve);
        child.kill('SIGTERM');
      }
    });
  return {
    start(...flags) {
      const own = ['--instance', instance, '--hostname-override', node];
      const started = spawn(
        ...boundToParent('nsenter', [`--net=${netns}`, process.execPath, MAIN, 'agent', ...own, ...flags]),
      );
      started.stderr.on('data', (chunk) => {
        said += chunk;
      });
      child = started;
    },
    stop,
    status: async () => (await askAgent(socket, 'GET', '/status')) as AgentStatus,
    async rows() {
      const {
        node: rows,
        services,
        addresses,
        policies,
      } = (await askAgent(socket, 'GET', '/rows')) as RowsJson;
      return {
        node: rows,
        services: [...services].sort((a, b) => (a.id < b.id ? -1 : 1)),
        addresses: [...addresses].sort((a, b) => (a.address < b.address ? -1 : 1)),
        policies,
      };
    },
    async sync() {
      await askAgent(socket, 'POST', '/sync');
    },
    said: () => said,
    async remove() {
      await stop();
      for (const folder of [`/run/weir/${instance}`, pinDirectory(instance)])
        rmSync(folder, { recursive: true, force: true });
    },
  };
}
