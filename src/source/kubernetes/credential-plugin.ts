/** A kubeconfig's `exec`: a command that prints credentials, run again when they are over. */
import { execFile } from 'node:child_process';
import { dirname, resolve } from 'node:path';
import { ApiFailure, codeOf, errorMessage } from './failure.ts';

/** What a plugin gives; what it does not give is null. */
export interface PluginCredentials {
  readonly token: string | null;
  /** PEM. */
  readonly certificate: string | null;
  readonly key: string | null;
}

export interface CredentialPlugin {
  readonly command: string;
  /** Runs the command where nothing is known that holds. Throws ApiFailure with the command and what it said. */
  credentials(): Promise<PluginCredentials>;
}

export interface PluginOptions {
  /** The user's `exec`, as it stands in the kubeconfig. */
  readonly exec: unknown;
  /** The kubeconfig: relative commands begin in its folder. */
  readonly file: string;
  /** Told to plugins that ask for it (`provideClusterInfo`). */
  readonly cluster: () => Readonly<Record<string, unknown>>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch. */
  readonly wallMs: () => number;
}

interface Command {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly apiVersion: string;
  readonly installHint: string;
  readonly provideClusterInfo: boolean;
}

/** A plugin that asks a person waits for ever. */
const LONGEST_RUN_MS = 60_000;
/** Credentials are renewed this long before they are over: a request takes its time too. */
const MARGIN_MS = 5000;

interface Held extends PluginCredentials {
  /** Milliseconds since the epoch. */
  readonly untilMs: number;
}

/** Reads the command; nothing runs yet. Throws ApiFailure where there is none. */
export function createCredentialPlugin(options: PluginOptions): CredentialPlugin {
  const command = readCommand(options);
  let current: Promise<Held> | null = null;
  async function obtain(): Promise<Held> {
    try {
      return readAnswer(command, await run(command, options));
    } catch (error) {
      current = null;
      throw error;
    }
  }
  return {
    command: command.command,
    async credentials() {
      const asked = current;
      if (asked !== null) {
        const held = await asked;
        if (held.untilMs > options.wallMs() + MARGIN_MS) return held;
        // Kinds ask at the same time: the first of them has it run again, for all.
        if (current === asked) current = null;
      }
      current ??= obtain();
      return current;
    },
  };
}

function readCommand({ exec, file }: PluginOptions): Command {
  const { command, args, env, apiVersion, installHint, provideClusterInfo } = recordOf(exec);
  if (typeof command !== 'string' || command === '') {
    throw new ApiFailure(`kubeconfig ${file}: exec names no command; correct the user of this context`);
  }
  const variables = arrayOf(env).map(recordOf);
  return {
    // As kubectl: only what looks like a path is one.
    command: command.includes('/') ? resolve(dirname(file), command) : command,
    args: arrayOf(args).map(String),
    env: Object.fromEntries(variables.map(({ name, value }) => [String(name), String(value)])),
    apiVersion: String(apiVersion ?? ''),
    installHint: typeof installHint === 'string' ? installHint : '',
    provideClusterInfo: provideClusterInfo === true,
  };
}

/** What it printed. */
function run(command: Command, { cluster, environment }: PluginOptions): Promise<string> {
  const { apiVersion, provideClusterInfo } = command;
  const spec = { interactive: false, ...(provideClusterInfo ? { cluster: cluster() } : {}) };
  const info = JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
  const options = {
    env: { ...environment, KUBERNETES_EXEC_INFO: info, ...command.env },
    timeout: LONGEST_RUN_MS,
    killSignal: 'SIGKILL',
  } as const;
  return new Promise((fulfil, reject) => {
    const child = execFile(command.command, command.args, options, (error, stdout, stderr) => {
      if (error === null) fulfil(stdout);
      else reject(pluginFailure(command, runText(error, stderr), error));
    });
    child.stdin?.end();
  });
}

function runText(error: Error & { readonly killed?: boolean }, stderr: string): string {
  if (codeOf(error) === 'ENOENT') return 'there is no such command';
  if (error.killed === true) return `not ready after ${LONGEST_RUN_MS / 1000} s`;
  const said = errorMessage(stderr).slice(-500);
  const ended = /^\d+$/.test(codeOf(error)) ? `exit code ${codeOf(error)}` : errorMessage(error);
  return said === '' ? ended : `${ended}: ${said}`;
}

function readAnswer(command: Command, printed: string): Held {
  const status = recordOf(parsed(printed)?.status);
  const text = (value: unknown) => (typeof value === 'string' && value !== '' ? value : null);
  const credentials = {
    token: text(status.token),
    certificate: text(status.clientCertificateData),
    key: text(status.clientKeyData),
  };
  if (credentials.token === null && credentials.certificate === null) {
    throw pluginFailure(command, 'it printed no ExecCredential with a token or certificate');
  }
  const until = Date.parse(text(status.expirationTimestamp) ?? '');
  return { ...credentials, untilMs: Number.isNaN(until) ? Number.POSITIVE_INFINITY : until };
}

function pluginFailure({ command, installHint }: Command, why: string, cause?: Error): ApiFailure {
  const hint = installHint === '' ? '' : ` (${errorMessage(installHint)})`;
  const remedy = `run it by hand, correct it or the user of this context${hint}`;
  return new ApiFailure(`credential plugin ${JSON.stringify(command)}: ${why}; ${remedy}`, { cause });
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
