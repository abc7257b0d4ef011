/**
 * Network namespaces of a run: a client pod and a server pod, each joined to a node that routes between them. All names
 * start with `weir-bench-` and the process id; they go when the run ends, and a later run removes those of a killed one.
 */
import { type ChildProcess, execFileSync, type StdioOptions, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { NODE_ADDRESS } from './cluster-shape.ts';

const DIRECTORY = '/run/netns';
const PREFIX = 'weir-bench';

export const CLIENT_ADDRESS = '10.244.1.2';
export const SERVER_ADDRESS = '10.244.1.130';

/** The namespaces (names below /run/netns) of one variant. */
export interface Triple {
  readonly client: string;
  readonly node: string;
  readonly server: string;
}

const created = new Set<string>();

/** Makes an empty namespace with its loopback up; its name is unique to this run. */
export function createNamespace(role: string): string {
  const name = `${PREFIX}-${process.pid}-${created.size}-${role}`;
  execFileSync('ip', ['netns', 'add', name]);
  created.add(name);
  run('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  return name;
}

/** A client and a server pod, routed by a node, all in namespaces of their own. */
export function createTriple(): Triple {
  const triple = { client: createNamespace('c'), node: createNamespace('n'), server: createNamespace('s') };
  run('ip', ['-n', triple.node, 'address', 'add', `${NODE_ADDRESS}/32`, 'dev', 'lo']);
  connectPod(triple.node, 'client', triple.client, { pod: CLIENT_ADDRESS, gateway: '10.244.1.1' });
  connectPod(triple.node, 'server', triple.server, { pod: SERVER_ADDRESS, gateway: '10.244.1.129' });
  setSysctl(triple.node, 'net.ipv4.ip_forward', '1');
  setSysctl(triple.client, 'net.ipv4.ip_local_port_range', '1024 65535');
  // TIME_WAIT sockets keep a timestamp offset per destination: reused ports would stall for a second (PAWS).
  for (const pod of [triple.client, triple.server]) setSysctl(pod, 'net.ipv4.tcp_max_tw_buckets', '0');
  return triple;
}

/** A veth on the node for each of these pods, given by their addresses, with routes to it; nobody is at the other end. */
export function connectSilentPods(node: string, pods: readonly (readonly string[])[]): string {
  const others = createNamespace('p');
  const commands = pods.flatMap((addresses, index) => [
    `link add pod${index} type veth peer name pod${index} netns ${others}`,
    `link set pod${index} up`,
    ...addresses.map((address) => `route add ${address} dev pod${index}`),
  ]);
  run('ip', ['-n', node, '-batch', '-'], `${commands.join('\n')}\n`);
  return others;
}

/** Runs a command to its end inside a namespace. Throws, with its stderr, when it fails. */
export function runInNamespace(
  namespace: string,
  command: string,
  parameters: readonly string[],
  input?: string,
): string {
  return run('nsenter', [`--net=${DIRECTORY}/${namespace}`, command, ...parameters], input);
}

/** Starts a command inside a namespace; the process id is the command's own, since nsenter replaces itself by it. */
export function spawnInNamespace(
  namespace: string,
  command: string,
  parameters: readonly string[],
  stdio: StdioOptions,
): ChildProcess {
  return spawn('nsenter', [`--net=${DIRECTORY}/${namespace}`, command, ...parameters], { stdio });
}

/** Forgets all connections, so that those of an earlier round are not met again. */
export function flushConnections(namespace: string): void {
  run('nsenter', [`--net=${DIRECTORY}/${namespace}`, 'conntrack', '--flush']);
}

/** Removes the given namespaces, or all that this run made. Never throws: it also runs on the way out. */
export function removeNamespaces(names: Iterable<string> = [...created]): void {
  for (const name of names) {
    try {
      execFileSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
    } catch {
      process.stderr.write(`bench: ${DIRECTORY}/${name} could not be removed; try: ip netns del ${name}\n`);
    }
    created.delete(name);
  }
}

/** Removes what runs that were killed left behind: namespaces whose process is gone. */
export function removeAbandonedNamespaces(): void {
  if (!existsSync(DIRECTORY)) return;
  const abandoned = readdirSync(DIRECTORY).filter((name) => {
    const pid = new RegExp(`^${PREFIX}-(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !existsSync(`/proc/${pid}`);
  });
  removeNamespaces(abandoned);
}

function connectPod(
  node: string,
  link: string,
  pod: string,
  addresses: { readonly pod: string; readonly gateway: string },
): void {
  run('ip', ['-n', node, 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', pod]);
  run('ip', ['-n', node, 'address', 'add', `${addresses.gateway}/25`, 'dev', link]);
  run('ip', ['-n', node, 'link', 'set', link, 'up']);
  run('ip', ['-n', pod, 'address', 'add', `${addresses.pod}/25`, 'dev', 'eth0']);
  run('ip', ['-n', pod, 'link', 'set', 'eth0', 'up']);
  run('ip', ['-n', pod, 'route', 'add', 'default', 'via', addresses.gateway]);
}

function setSysctl(namespace: string, name: string, value: string): void {
  const path = `/proc/sys/${name.replaceAll('.', '/')}`;
  run('nsenter', [`--net=${DIRECTORY}/${namespace}`, 'sh', '-c', `echo "$1" > "$2"`, 'sh', value, path]);
}

function run(command: string, parameters: readonly string[], input?: string): string {
  try {
    return execFileSync(command, parameters, {
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    });
  } catch (cause) {
    const stderr = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim() : '';
    throw new Error(`${command} ${parameters.join(' ')} failed: ${stderr.slice(0, 500)}`, { cause });
  }
}
