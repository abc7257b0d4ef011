/** The manifests of deploy/ as kubectl renders them, and the parts of them that tests read. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
const DEPLOY = fileURLToPath(new URL('../../deploy', import.meta.url));

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

export interface ConfigMap extends Rendered {
  readonly data: Readonly<Record<string, string>>;
}

export interface DaemonSet extends Rendered {
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: PodSpec } };
}

export interface PodSpec {
  readonly hostNetwork: boolean;
  readonly hostPID: boolean;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly [Container];
  readonly volumes: readonly Volume[];
  readonly terminationGracePeriodSeconds: number;
}

export interface Container {
  readonly image: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly Variable[];
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
  readonly [probe: `${string}Probe`]: { readonly httpGet: HttpGet };
}

export interface HttpGet {
  readonly host: string;
  readonly port: number;
  readonly path: string;
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly fieldRef?: { readonly fieldPath: string };
    readonly configMapKeyRef?: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

export interface Volume {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly hostPath?: { readonly path: string; readonly type: string };
}

/** `kubectl kustomize` of a folder of deploy/. */
export async function renderManifests(folder = 'base'): Promise<readonly Rendered[]> {
  const { stdout } = await run('kubectl', ['kustomize', `${DEPLOY}/${folder}`]);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Rendered);
}

/** The one DaemonSet among them. */
export function daemonSetOf(manifests: readonly Rendered[]): DaemonSet {
  const found = manifests.find(({ kind }) => kind === 'DaemonSet');
  if (found === undefined) throw new Error('deploy/ has no DaemonSet');
  return found as DaemonSet;
}

/** A ConfigMap by its name, which carries a hash where Kustomize made it. */
export function configMapOf(manifests: readonly Rendered[], name: string): ConfigMap | undefined {
  return manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === name) as
    | ConfigMap
    | undefined;
}
