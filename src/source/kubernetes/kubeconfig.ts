/** Access by a kubeconfig, as kubectl understands it; what client-node does not know is done here. */
import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { dirname, resolve } from 'node:path';
import type { Cluster, KubeConfig } from '@kubernetes/client-node';
import type { ApiConnection } from './connection.ts';
import { type CredentialPlugin, createCredentialPlugin } from './credential-plugin.ts';
import { certificateText, readSecret, tokenText } from './credentials.ts';
import { ApiFailure, errorMessage } from './failure.ts';
import { type ChosenContext, chooseContext, presentFiles, readFiles, userEntry } from './kubeconfig-files.ts';
import { wayTo } from './proxy.ts';

export interface KubeconfigOptions {
  /** One path, or several as in KUBECONFIG. */
  readonly paths: string;
  /** null: the current one. */
  readonly context: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** Where a user's credentials come from that client-node is not asked for. */
interface OwnCredentials {
  readonly tokenFile: string | undefined;
  readonly plugin: CredentialPlugin | undefined;
}

/** Loads the files. Throws ApiFailure with one line: which file, what is wrong, what to do. */
export function loadKubeconfig({ paths, context, environment }: KubeconfigOptions): ApiConnection {
  const files = presentFiles(paths);
  const config = readFiles(files);
  const chosen = chooseContext(config, paths, context);
  const own = ownCredentials(config, files, chosen, environment);
  const way = wayTo(new URL(chosen.server), environment, httpProxy(chosen.cluster));
  let last: RequestOptions = {};
  return {
    origin: chosen.server.replace(/\/+$/, ''),
    async requestOptions() {
      const options = await clientOptions(config, paths);
      last = await withOwnCredentials(options, own);
      return { ...last, ...way.agent };
    },
    describe: (nowMs) => ({
      credentials: credentialsText(last, { paths, chosen, own }, nowMs),
      authority: authorityText(chosen.cluster, paths),
      proxy: way.proxy,
    }),
  };
}

async function clientOptions(config: KubeConfig, paths: string): Promise<RequestOptions> {
  const options: RequestOptions = {};
  try {
    await config.applyToHTTPSOptions(options);
  } catch (error) {
    const remedy = 'check cluster and user of this context, and their files';
    throw new ApiFailure(`kubeconfig ${paths}: can't be used (${errorMessage(error)}); ${remedy}`, {
      cause: error,
    });
  }
  // Its agents hold on to the first certificate they saw; only those for SOCKS do what Node can't.
  const { agent, ...rest } = options;
  return config.getCurrentCluster()?.proxyUrl?.startsWith('socks') ? { ...rest, agent } : rest;
}

async function withOwnCredentials(
  options: RequestOptions,
  { tokenFile, plugin }: OwnCredentials,
): Promise<RequestOptions> {
  const given = plugin === undefined ? null : await plugin.credentials();
  const fromFile =
    tokenFile === undefined ? null : await readSecret(tokenFile, 'correct tokenFile in the kubeconfig');
  const token = fromFile?.trim() ?? given?.token ?? null;
  return {
    ...options,
    ...(given?.certificate ? { cert: given.certificate } : {}),
    ...(given?.key ? { key: given.key } : {}),
    ...(token === null ? {} : { headers: { ...options.headers, Authorization: `Bearer ${token}` } }),
  };
}

function ownCredentials(
  config: KubeConfig,
  files: readonly string[],
  { user, cluster }: ChosenContext,
  environment: KubeconfigOptions['environment'],
): OwnCredentials {
  const { file, content } = userEntry(files, user?.name);
  const { tokenFile, exec } = content;
  const path = typeof tokenFile === 'string' ? resolve(dirname(file), tokenFile) : undefined;
  if (exec === undefined || exec === null || user === null) return { tokenFile: path, plugin: undefined };
  // Left to client-node, a plugin that hangs would hang us, and one that fails would not be named.
  config.users = config.users.map((other) => (other === user ? { ...other, exec: undefined } : other));
  const plugin = createCredentialPlugin({
    exec,
    file,
    cluster: () => clusterInfo(cluster),
    environment,
    wallMs: () => Date.now(),
  });
  return { tokenFile: path, plugin };
}

/** As `KUBERNETES_EXEC_INFO` has it. */
function clusterInfo(cluster: Cluster): Readonly<Record<string, unknown>> {
  const authority = cluster.caFile ? readFileSync(cluster.caFile).toString('base64') : cluster.caData;
  return {
    server: cluster.server,
    'certificate-authority-data': authority,
    'tls-server-name': cluster.tlsServerName,
    'insecure-skip-tls-verify': cluster.skipTLSVerify,
    'proxy-url': cluster.proxyUrl,
  };
}

function httpProxy({ proxyUrl }: Cluster): string | undefined {
  return proxyUrl === undefined || proxyUrl === '' || proxyUrl.startsWith('socks') ? undefined : proxyUrl;
}

function credentialsText(
  { headers, cert, auth }: RequestOptions,
  {
    paths,
    chosen,
    own,
  }: { readonly paths: string; readonly chosen: ChosenContext; readonly own: OwnCredentials },
  nowMs: number,
): string {
  const { user } = chosen;
  const origin = `user ${JSON.stringify(user?.name ?? '')} in kubeconfig ${paths}`;
  const plugin = own.plugin && `the credential plugin ${JSON.stringify(own.plugin.command)}`;
  const authorization = (headers as Readonly<Record<string, unknown>> | undefined)?.Authorization;
  if (typeof authorization === 'string') {
    return tokenText(authorization.replace(/^Bearer /, ''), own.tokenFile ?? plugin ?? origin, nowMs);
  }
  if (cert !== undefined) return certificateText(String(cert), plugin ?? user?.certFile ?? origin, nowMs);
  return auth ? `the password of ${origin}` : `${origin}, which has no credentials`;
}

function authorityText({ caFile, caData }: Cluster, paths: string): string {
  if (caFile) return `the certificate authority ${caFile}`;
  return caData ? `the certificate authority in kubeconfig ${paths}` : "the system's certificate authorities";
}
