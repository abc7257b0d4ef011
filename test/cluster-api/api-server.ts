/**
 * A real API server for a suite, in a network namespace of the lab: the scripts of the folder that WEIR_APISERVER names
 * (`run.sh`, `stop.sh`; beside the checkout where it is not set), with all its state in a folder of the suite's.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { boundToParent } from '../bound-command.ts';
import type { Manifest } from '../e2e/manifests.ts';

const run = promisify(execFile);
const SCRIPTS =
  process.env.WEIR_APISERVER ?? fileURLToPath(new URL('../../../shared/apiserver', import.meta.url));

/** As the scripts find it. */
const BINARY = join(
  process.env.BIN ?? join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'weir-apiserver'),
  'apiserver',
);

export interface ApiServer {
  readonly kubeconfig: string;
  readonly folder: string;
  /** Resolves when it answers; with the data of before. Another port: the same cluster, unseen by those who know the first. */
  start(port?: number, settings?: StartSettings): Promise<void>;
  /** Ends it in an orderly way. */
  stop(): Promise<void>;
  /** SIGKILL to the server and its store. */
  kill(): Promise<void>;
  /** SIGSTOP to the server: connections stay, nothing answers; its store goes on. */
  pause(): void;
  resume(): void;
  /** Starts another server of the same store on this port, for as long as the work with its `kubectl` takes. */
  besides(port: number, work: (kubectl: ApiServer['kubectl']) => Promise<void>): Promise<void>;
  /** The only token that it takes after its next start. */
  replaceToken(token: string): void;
  /** Creates objects (apply can't write two addresses of one type to a Node). */
  create(...manifests: readonly Manifest[]): Promise<void>;
  /** Asks the server to take objects as `create` does, unknown fields refused; it keeps none of them. */
  dryRun(...manifests: readonly Manifest[]): Promise<void>;
  /** Creates or changes objects by server-side apply. */
  apply(...manifests: readonly Manifest[]): Promise<void>;
  /** `kubectl` with these arguments; its output. */
  kubectl(...argv: readonly string[]): Promise<string>;
  /** Stops it and removes its data. */
  remove(): Promise<void>;
  /** The same at once, for a process that is about to end. */
  removeNow(): void;
}

export interface StartSettings {
  /** Of the server's process. */
  readonly flags?: string;
}

/** The port it is started on where no other is named; the store takes the next two. */
export const PORT = 6443;

/** Why no server can be started here; null: one can. */
export function apiServerMissing(): string | null {
  if (existsSync(join(SCRIPTS, 'run.sh'))) return null;
  return `${SCRIPTS}: no API server to test with; build one and name its folder by WEIR_APISERVER`;
}

/**
 * Nothing runs until `start`. Throws where the scripts are missing.
 * @param address where it listens, of the namespace
 */
export function createApiServer(netns: string, address = '127.0.0.1'): ApiServer {
  const missing = apiServerMissing();
  if (missing !== null) throw new Error(missing);
  const folder = mkdtempSync(join(tmpdir(), 'weir-api-'));
  const data = join(folder, 'server');
  const kubeconfig = join(data, 'kubeconfig');
  let written = 0;
  const inside = (...argv: readonly string[]) => runInside(netns, argv);
  const kubectl = (...argv: readonly string[]) => inside('kubectl', '--kubeconfig', kubeconfig, ...argv);
  const write = (manifests: readonly Manifest[]) => {
    const file = join(folder, `${++written}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: manifests }));
    return file;
  };
  const stop = async () => {
    if (existsSync(data)) await inside(join(SCRIPTS, 'stop.sh'), data);
  };
  return {
    kubeconfig,
    folder,
    async start(port = PORT, { flags = '' } = {}) {
      await inside('env', `FLAGS=${flags}`, join(SCRIPTS, 'run.sh'), data, String(port), address);
    },
    stop,
    async kill() {
      const pids = (['apiserver', 'etcd'] as const).map((name) => pidOf(data, name));
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      // What a large process held is given back a moment later, its port too.
      while (pids.some((pid) => existsSync(`/proc/${pid}`))) await delay(10);
      await stop();
    },
    pause: () => void process.kill(pidOf(data, 'apiserver'), 'SIGSTOP'),
    resume: () => void process.kill(pidOf(data, 'apiserver'), 'SIGCONT'),
    besides: (port, work) => serveBesides(netns, mkdtempSync(join(folder, 'besides-')), port, work),
    replaceToken: (token) => writeFileSync(join(data, 'token'), token),
    async create(...manifests) {
      await kubectl('create', '-f', write(manifests));
    },
    async dryRun(...manifests) {
      await kubectl('create', '--dry-run=server', '--validate=strict', '-f', write(manifests));
    },
    async apply(...manifests) {
      await kubectl('apply', '--server-side', '--force-conflicts', '-f', write(manifests));
    },
    kubectl,
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
    removeNow() {
      for (const name of ['apiserver', 'etcd'] as const) {
        if (existsSync(join(data, `${name}.pid`))) killIfThere(pidOf(data, name));
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function runInside(netns: string, argv: readonly string[]): Promise<string> {
  return (await run('nsenter', [`--net=${netns}`, ...argv], { maxBuffer: 64 << 20 })).stdout;
}

/** Another server of the store that the one on PORT has; all that is its own stands in the folder. */
async function serveBesides(
  netns: string,
  folder: string,
  port: number,
  work: (kubectl: ApiServer['kubectl']) => Promise<void>,
): Promise<void> {
  const flags = ['--etcd', `http://127.0.0.1:${PORT + 1}`, '--dir', folder, '--port', String(port)];
  const child = spawn(...boundToParent('nsenter', [`--net=${netns}`, BINARY, ...flags]), { stdio: 'ignore' });
  const kubectl: ApiServer['kubectl'] = (...argv) =>
    runInside(netns, ['kubectl', '--kubeconfig', join(folder, 'kubeconfig'), ...argv]);
  try {
    await answers(() => kubectl('get', '--raw', '/readyz'));
    await work(kubectl);
  } finally {
    child.kill('SIGKILL');
  }
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

async function answers(ask: () => Promise<string>): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      await ask();
      return;
    } catch (error) {
      if (attempt === 100) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

function pidOf(data: string, name: 'apiserver' | 'etcd'): number {
  return Number(readFileSync(join(data, `${name}.pid`), 'utf8'));
}
