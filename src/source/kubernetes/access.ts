/** Access to the cluster: a kubeconfig where one is named, else what every pod has in its ServiceAccount's folder. */
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { RequestOptions } from 'node:https';
import { isIPv6 } from 'node:net';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { KubeConfig } from '@kubernetes/client-node';
import { parse } from 'yaml';
import type { ApiConnection } from './connection.ts';
import { ApiFailure, errorMessage } from './failure.ts';

const SERVICE_ACCOUNT_FOLDER = '/var/run/secrets/kubernetes.io/serviceaccount';

const MOUNT = 'mount a ServiceAccount token (automountServiceAccountToken), or give --kubeconfig';

export interface AccessOptions {
  /** Path of a kubeconfig, or several as in KUBECONFIG; null: in-cluster. */
  readonly kubeconfig: string | null;
  /** null: the kubeconfig's current one. */
  readonly context: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Where a pod finds `token` and `ca.crt`; for tests. */
  readonly serviceAccountFolder?: string;
}

/**
 * Loads server, certificates and credentials.
 * @throws ApiFailure with one line: no kubeconfig, no such context, not in a cluster …
 */
export function loadAccess(options: AccessOptions): Promise<ApiConnection> {
  return options.kubeconfig === null
    ? loadInCluster(options)
    : loadKubeconfig(options.kubeconfig, options.context);
}

async function loadInCluster({
  environment,
  serviceAccountFolder = SERVICE_ACCOUNT_FOLDER,
}: AccessOptions): Promise<ApiConnection> {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (host === undefined || host === '') {
    const remedy = 'give --kubeconfig, set KUBECONFIG, or run in a pod of the cluster';
    throw new ApiFailure(
      `no API server known: no kubeconfig, and KUBERNETES_SERVICE_HOST is not set; ${remedy}`,
    );
  }
  return {
    origin: `https://${isIPv6(host) ? `[${host}]` : host}:${port}`,
    // Read each time: the kubelet replaces the token long before it expires.
    async requestOptions() {
      const [token, ca] = await Promise.all(
        ['token', 'ca.crt'].map((name) => readSecret(join(serviceAccountFolder, name), MOUNT)),
      );
      return { ca, headers: { Authorization: `Bearer ${token?.trim()}` } };
    },
  };
}

async function readSecret(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ApiFailure(`${path}: can't be read (${errorMessage(error)}); ${remedy}`, { cause: error });
  }
}

async function loadKubeconfig(paths: string, context: string | null): Promise<ApiConnection> {
  // Imported only here: it costs a third of a second and 80 MB, and a pod needs none of it.
  const client = await import('@kubernetes/client-node');
  const files = presentFiles(paths);
  const config = readFiles(files, () => new client.KubeConfig());
  const server = chooseContext(config, paths, context);
  const tokenFile = tokenFileOf(files, config.getCurrentUser()?.name);
  return {
    origin: server.replace(/\/+$/, ''),
    async requestOptions() {
      const options: RequestOptions = {};
      try {
        await config.applyToHTTPSOptions(options);
      } catch (error) {
        const remedy = 'check the user of this context: its files, its plugin and its arguments';
        throw new ApiFailure(`kubeconfig ${paths}: no credentials (${errorMessage(error)}); ${remedy}`, {
          cause: error,
        });
      }
      if (tokenFile === undefined) return options;
      const token = await readSecret(tokenFile, 'correct tokenFile in the kubeconfig');
      return { ...options, headers: { ...options.headers, Authorization: `Bearer ${token.trim()}` } };
    },
  };
}

function presentFiles(paths: string): readonly string[] {
  const named = paths.split(delimiter).filter((path) => path !== '');
  // As kubectl: of several, those that are missing are passed over.
  const present = named.length > 1 ? named.filter((path) => existsSync(path)) : named;
  return present.length > 0 ? present : named;
}

/** `tokenFile` of the user, which client-node does not know; as in kubectl, relative to the kubeconfig. */
function tokenFileOf(files: readonly string[], user: string | undefined): string | undefined {
  for (const file of files) {
    const content = parse(readFileSync(file, 'utf8')) as {
      readonly users?: readonly {
        readonly name?: string;
        readonly user?: { readonly tokenFile?: unknown };
      }[];
    };
    const entry = content.users?.find(({ name }) => name === user);
    const path = entry?.user?.tokenFile;
    if (entry !== undefined) return typeof path === 'string' ? resolve(dirname(file), path) : undefined;
  }
  return undefined;
}

function readFiles(files: readonly string[], create: () => KubeConfig): KubeConfig {
  let merged: KubeConfig | undefined;
  for (const file of files) {
    try {
      const config = create();
      config.loadFromFile(file);
      if (merged === undefined) merged = config;
      else merged.mergeConfig(config, true);
    } catch (error) {
      const remedy = 'name a kubeconfig that exists and is valid with --kubeconfig or KUBECONFIG';
      throw new ApiFailure(`kubeconfig ${file}: can't be used (${errorMessage(error)}); ${remedy}`, {
        cause: error,
      });
    }
  }
  if (merged === undefined) throw new ApiFailure('kubeconfig: no file is named; give --kubeconfig FILE');
  return merged;
}

/** Sets the context and returns its server. */
function chooseContext(config: KubeConfig, paths: string, context: string | null): string {
  const wanted = context ?? config.getCurrentContext();
  if (config.getContextObject(wanted) === null) {
    const names = config.getContexts().map(({ name }) => name);
    const known = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`;
    const what = wanted ? `no context ${JSON.stringify(wanted)}` : 'no current context';
    throw new ApiFailure(`kubeconfig ${paths}: ${what} (${known}); name one of them with --context`);
  }
  config.setCurrentContext(wanted);
  const server = config.getCurrentCluster()?.server;
  if (server !== undefined && URL.canParse(server)) return server;
  throw new ApiFailure(
    `kubeconfig ${paths}: context ${JSON.stringify(wanted)} has no cluster with a server's URL; correct its cluster entry`,
  );
}
