/**
 * What the kubelet makes of a container of the DaemonSet, made by podman: in the network namespace of a lab's node, with
 * exactly the rights, mounts and variables of the manifest. What this does not know of a manifest is an error.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BPF_FILE_SYSTEM } from '../../src/kernel/bpf-file-system.ts';
import { IMAGE } from './image.ts';
import type { ConfigMap, Container, PodSpec, Variable } from './manifests.ts';
import { podman, removeCgroups, runFlags } from './podman.ts';
import { writeSeccompProfile } from './seccomp-profile.ts';

export interface NodeOptions {
  /** Path of the node's network namespace. */
  readonly netns: string;
  readonly node: string;
  /** The directory that stands for the node's /sys/fs/cgroup. */
  readonly cgroup: string;
  /** By name; a ConfigMap that is missing is one that the cluster does not have. */
  readonly configMaps: Readonly<Record<string, ConfigMap['data']>>;
  /** What a pod finds of its ServiceAccount: `token` and `ca.crt` by path. */
  readonly serviceAccount: Readonly<Record<'token' | 'ca.crt', string>>;
}

/** Stands for a node: its disk, and its kubelet as far as one container goes. */
export interface NodeContainers {
  /** Where the node's `path` is on this machine. */
  hostPath(path: string): string;
  /** Starts the container; `securityContext` replaces the manifest's. */
  start(pod: PodSpec, container: Container, securityContext?: Container['securityContext']): Promise<void>;
  /** Runs a container to its end; what it printed. */
  runToEnd(pod: PodSpec, container: Container): Promise<string>;
  /** Runs a command inside; its output. */
  exec(...argv: readonly string[]): Promise<string>;
  /** SIGTERM, and SIGKILL after the pod's grace; resolves with the exit code. */
  stop(graceSeconds: number): Promise<number>;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
  /** What it has said on each stream. */
  logs(): Promise<{ readonly stdout: string; readonly stderr: string }>;
  /** Removes the container and the node's disk. */
  remove(): Promise<void>;
}

const NAME = `weir-container-${process.pid}`;

/** Nothing runs until `start`. */
export function createNodeContainers(options: NodeOptions): NodeContainers {
  const disk = mkdtempSync(join(tmpdir(), 'weir-node-'));
  const hostPath = (path: string) => join(disk, path);
  const profile = hostPath('seccomp.json');
  writeSeccompProfile(profile);
  const flagsOf = (pod: PodSpec, container: Container) => [
    ...runFlags(options.netns),
    ...(pod.hostPID ? ['--pid', 'host'] : []),
    ...environmentFlags(container.env ?? [], options),
    ...mountFlags(pod, container, { ...options, hostPath }),
    ...['--memory', container.resources.limits.memory.replace(/i$/, '')],
  ];
  const commandOf = ({ command, args = [] }: Container) => [
    ...(command === undefined ? [] : ['--entrypoint', JSON.stringify(command)]),
    IMAGE,
    ...args.map((text) => text.replaceAll('$(NODE_NAME)', options.node)),
  ];
  const removeContainer = () => podman('rm', '--force', '--time', '0', '--ignore', NAME);
  return {
    hostPath,
    async start(pod, container, securityContext = container.securityContext) {
      await removeContainer();
      const own = [
        '--detach',
        '--name',
        NAME,
        '--log-driver',
        'k8s-file',
        ...securityFlags(securityContext, profile),
      ];
      await podman('run', ...own, ...flagsOf(pod, container), ...commandOf(container));
    },
    async runToEnd(pod, container) {
      const own = ['--rm', '--timeout', '60', ...securityFlags(container.securityContext, profile)];
      return (await podman('run', ...own, ...flagsOf(pod, container), ...commandOf(container))).stdout;
    },
    exec: async (...argv) => (await podman('exec', NAME, ...argv)).stdout,
    async stop(graceSeconds) {
      await podman('stop', '--time', String(graceSeconds), NAME);
      return Number((await podman('wait', NAME)).stdout);
    },
    async kill() {
      await podman('kill', '--signal', 'KILL', NAME);
      await podman('wait', NAME);
    },
    logs: () => podman('logs', NAME),
    async remove() {
      await removeContainer();
      removeCgroups();
      unmountBpf(hostPath(BPF_FILE_SYSTEM));
      rmSync(disk, { recursive: true, force: true });
    },
  };
}

/** As systemd does on a node: one of its own, so that nothing of this machine's is seen. */
function mountBpf(path: string): void {
  if (!isMountPoint(path)) execFileSync('mount', ['-t', 'bpf', 'bpf', path]);
}

function unmountBpf(path: string): void {
  if (isMountPoint(path)) execFileSync('umount', [path]);
}

function isMountPoint(path: string): boolean {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .some((line) => line.split(' ')[1] === path);
}

function securityFlags(context: Container['securityContext'], profile: string): readonly string[] {
  return Object.entries(context).flatMap(([key, value]) => {
    const flags = SECURITY[key];
    if (flags === undefined) throw new Error(`securityContext.${key}: not known to this test`);
    return flags(value, profile);
  });
}

interface Capabilities {
  readonly drop: readonly string[];
  readonly add: readonly string[];
}

const SECURITY: Readonly<Record<string, (value: unknown, profile: string) => readonly string[]>> = {
  privileged: (value) => (value === true ? ['--privileged'] : []),
  runAsUser: (value) => ['--user', String(value)],
  allowPrivilegeEscalation: (value) => (value === false ? ['--security-opt', 'no-new-privileges'] : []),
  readOnlyRootFilesystem: (value) => (value === true ? ['--read-only', '--read-only-tmpfs=false'] : []),
  capabilities(value) {
    const { drop, add } = value as Capabilities;
    return [...drop.map((each) => `--cap-drop=${each}`), ...add.map((each) => `--cap-add=${each}`)];
  },
  seccompProfile: (_, profile) => ['--security-opt', `seccomp=${profile}`],
  seLinuxOptions: () => [],
};

function environmentFlags(variables: readonly Variable[], options: NodeOptions): readonly string[] {
  return variables.flatMap(({ name, value, valueFrom = {} }) => {
    const { fieldRef, configMapKeyRef } = valueFrom;
    if (value !== undefined) return ['--env', `${name}=${value}`];
    if (fieldRef?.fieldPath === 'spec.nodeName') return ['--env', `${name}=${options.node}`];
    if (configMapKeyRef === undefined) throw new Error(`${name}: its source is not known to this test`);
    const text = options.configMaps[configMapKeyRef.name]?.[configMapKeyRef.key];
    if (text === undefined && configMapKeyRef.optional !== true)
      throw new Error(`${name}: no such ConfigMap`);
    return text === undefined ? [] : ['--env', `${name}=${text}`];
  });
}

function mountFlags(
  pod: PodSpec,
  container: Container,
  { configMaps, serviceAccount, cgroup, hostPath }: NodeOptions & Pick<NodeContainers, 'hostPath'>,
): readonly string[] {
  const mounted = container.volumeMounts.map(({ name, mountPath, readOnly }) => {
    const volume = pod.volumes.find((each) => each.name === name);
    if (volume?.hostPath?.path === '/sys/fs/cgroup')
      return [cgroup, mountPath, readOnly === true ? 'ro' : 'rw'];
    const path = hostPath(volume?.hostPath?.path ?? join('var/lib/kubelet', name));
    mkdirSync(path, { recursive: true });
    if (volume?.hostPath?.path === BPF_FILE_SYSTEM) mountBpf(path);
    const content = volume?.configMap === undefined ? {} : configMaps[volume.configMap.name];
    for (const [file, text] of Object.entries(content ?? {})) writeFileSync(join(path, file), text);
    return [path, mountPath, readOnly === true ? 'ro' : 'rw'];
  });
  const secrets = Object.entries(serviceAccount).map(([file, path]) => [
    path,
    join('/var/run/secrets/kubernetes.io/serviceaccount', file),
    'ro',
  ]);
  return [...mounted, ...secrets].flatMap((parts) => ['--volume', parts.join(':')]);
}
