/** Access to the cluster: a kubeconfig where one is named, else what every pod has in its ServiceAccount's folder. */
import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import type { ApiConnection } from './connection.ts';
import { readSecret, tokenText } from './credentials.ts';
import { ApiFailure } from './failure.ts';
import { wayTo } from './proxy.ts';

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
export async function loadAccess(options: AccessOptions): Promise<ApiConnection> {
  const { kubeconfig, context, environment } = options;
  if (kubeconfig === null) return loadInCluster(options);
  // Imported only here: client-node costs a third of a second and 80 MB, and a pod needs none of it.
  const { loadKubeconfig } = await import('./kubeconfig.ts');
  return loadKubeconfig({ paths: kubeconfig, context, environment });
}

function loadInCluster({
  environment,
  serviceAccountFolder = SERVICE_ACCOUNT_FOLDER,
}: AccessOptions): ApiConnection {
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = environment;
  if (host === undefined || host === '') {
    const remedy = 'give --kubeconfig, set KUBECONFIG, or run in a pod of the cluster';
    throw new ApiFailure(
      `no API server known: no kubeconfig, and KUBERNETES_SERVICE_HOST is not set; ${remedy}`,
    );
  }
  const tokenFile = join(serviceAccountFolder, 'token');
  const authorityFile = join(serviceAccountFolder, 'ca.crt');
  const origin = `https://${isIPv6(host) ? `[${host}]` : host}:${port}`;
  const { agent, proxy } = wayTo(new URL(origin), environment);
  let token = '';
  return {
    origin,
    // Read each time: the kubelet replaces the token long before it expires.
    async requestOptions() {
      const [text, ca] = await Promise.all([readSecret(tokenFile, MOUNT), readSecret(authorityFile, MOUNT)]);
      token = text.trim();
      return { ca, headers: { Authorization: `Bearer ${token}` }, ...agent };
    },
    describe: (nowMs) => ({
      credentials: tokenText(token, tokenFile, nowMs),
      authority: `the certificate authority ${authorityFile}`,
      proxy,
    }),
  };
}
