/** A node with pods behind it, all in network namespaces of this test: hosts that serve, and ask each other. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PodInterface } from '../../../src/dataplane/policy-change.ts';
import type { ProcessPlan } from '../../../src/lab/plan.ts';
import { type PodProbe, probeFrom, serve, startPodProcess } from '../../../src/lab/pod-process.ts';
import { endProcesses } from '../../../src/lab/processes.ts';
import type { Address, Family } from '../../../src/model/address.ts';
import type { ObjectName, Port, Protocol } from '../../../src/model/names.ts';

/** Two pods of the node, a host that is a pod elsewhere, one outside of everything, and the node itself. */
export const HOSTS = ['web', 'client', 'remote', 'world', 'node'] as const;
export type Host = (typeof HOSTS)[number];
const LOCAL_PODS: readonly Host[] = ['web', 'client'];

const ADDRESSES: Readonly<Record<Host, Readonly<Record<Family, Address>>>> = {
  web: { IPv4: '10.9.0.2' as Address, IPv6: 'fd09::2' as Address },
  client: { IPv4: '10.9.0.3' as Address, IPv6: 'fd09::3' as Address },
  remote: { IPv4: '10.9.1.2' as Address, IPv6: 'fd09:1::2' as Address },
  world: { IPv4: '192.0.2.7' as Address, IPv6: '2001:db8::7' as Address },
  node: { IPv4: '10.8.0.1' as Address, IPv6: 'fd08::1' as Address },
};

export function addressOf(host: Host, family: Family): Address {
  return ADDRESSES[host][family];
}

export function addressesOf(host: Host): readonly Address[] {
  return [ADDRESSES[host].IPv4, ADDRESSES[host].IPv6];
}

export function podName(host: Host): ObjectName {
  return `test/${host}` as ObjectName;
}

/** TCP port 80 unless it says otherwise. */
export type Question = Partial<PodProbe> & Pick<PodProbe, 'address'>;

export interface PodNetwork {
  /** Path of the node's network namespace. */
  readonly netns: string;
  /** Of the local pods, and how they are joined. */
  readonly interfaces: ReadonlyMap<ObjectName, PodInterface>;
  /** Runs a command in a host's namespace; returns what it prints. */
  run(host: Host, ...command: readonly string[]): string;
  namespaceOf(host: Host): string;
  /** Asks once; `allowed` means that it was answered. */
  ask(from: Host, question: Question): Promise<string>;
  /** Asks all at the same time; answers are in the order of the questions. */
  askAll(from: Host, questions: readonly Question[]): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Everybody serves these, by TCP and by UDP. */
export const PORTS: readonly number[] = [80, 443, 8080, 9000];

/** Everything is there and answers when this resolves. */
export async function createPodNetwork(name: string): Promise<PodNetwork> {
  const directory = mkdtempSync(join(tmpdir(), 'weir-policy-'));
  const namespaceOf = (host: Host) => `${name}-${host}`;
  const pids: number[] = [];
  const run = (host: Host, ...command: readonly string[]) =>
    execFileSync('nsenter', [`--net=/run/netns/${namespaceOf(host)}`, ...command], { encoding: 'utf8' });
  const close = async () => {
    await endProcesses(pids);
    for (const host of HOSTS)
      try {
        execFileSync('ip', ['netns', 'del', namespaceOf(host)], { stdio: 'ignore' });
      } catch {
        // It was never made.
      }
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    for (const host of HOSTS) {
      execFileSync('ip', ['netns', 'add', namespaceOf(host)]);
      run(host, 'ip', 'link', 'set', 'lo', 'up');
    }
    prepareNode(run);
    for (const host of HOSTS) if (host !== 'node') joinNode(run, host, namespaceOf(host));
    for (const host of HOSTS) pids.push(await startHost(host, namespaceOf(host), directory));
  } catch (error) {
    await close();
    throw error;
  }
  const interfaces = LOCAL_PODS.map((host): [ObjectName, PodInterface] => {
    const interfaceIndex = Number(/^\d+/.exec(run('node', 'ip', '-o', 'link', 'show', 'dev', host))?.[0]);
    const pod = podName(host);
    return [pod, { pod, interfaceIndex, addresses: addressesOf(host), held: false }];
  });
  const askAll: PodNetwork['askAll'] = async (from, questions) => {
    const usual = { protocol: 'TCP', port: 80, source: null, sourcePort: 0, mark: 0 } as const;
    const probes = questions.map((question) => ({ ...usual, ...question }));
    const answers = await probeFrom(`${directory}/${from}.sock`, probes);
    return answers.map((answer) => {
      if ('verdict' in answer) return answer.verdict;
      throw new Error(answer.error);
    });
  };
  return {
    netns: `/run/netns/${namespaceOf('node')}`,
    interfaces: new Map(interfaces),
    run,
    namespaceOf,
    askAll,
    ask: async (from, question) => (await askAll(from, [question]))[0] ?? '',
    close,
  };
}

type Run = PodNetwork['run'];

function prepareNode(run: Run): void {
  const settings = [
    'net.ipv4.ip_forward=1',
    'net.ipv6.conf.all.forwarding=1',
    'net.ipv4.icmp_ratelimit=0',
    'net.ipv6.icmp.ratelimit=0',
  ];
  run('node', 'sysctl', '-qw', ...settings);
  for (const address of addressesOf('node')) run('node', 'ip', 'address', 'add', address, 'dev', 'lo');
}

/** A veth to the node, whose end there is named like the host; routes to single addresses, as many CNI plugins make them. */
function joinNode(run: Run, host: Host, namespace: string): void {
  const commands = [
    `ip link add ${host} type veth peer name eth0 netns ${namespace}`,
    `ip address add fe80::1/64 dev ${host} nodad`,
    `ip link set ${host} up`,
    `ip route add ${ADDRESSES[host].IPv4}/32 dev ${host}`,
    `ip -6 route add ${ADDRESSES[host].IPv6}/128 dev ${host}`,
  ];
  for (const command of commands) run('node', ...command.split(' '));
  const inside = [
    `ip address add ${ADDRESSES[host].IPv4}/32 dev eth0`,
    `ip address add ${ADDRESSES[host].IPv6}/128 dev eth0 nodad`,
    'ip link set eth0 up',
    `ip route add ${ADDRESSES.node.IPv4}/32 dev eth0`,
    `ip route add default via ${ADDRESSES.node.IPv4} dev eth0 src ${ADDRESSES[host].IPv4}`,
    `ip -6 route add default via fe80::1 dev eth0 src ${ADDRESSES[host].IPv6}`,
  ];
  for (const command of inside) run(host, ...command.split(' '));
}

async function startHost(host: Host, namespace: string, directory: string): Promise<number> {
  const protocols: readonly Protocol[] = ['TCP', 'UDP'];
  const plan: ProcessPlan = {
    id: `test/${host}`,
    namespace,
    cgroup: null,
    socket: `${directory}/${host}.sock`,
    pod: host,
    podNamespace: 'test',
    node: 'node',
    servers: protocols.flatMap((protocol) => PORTS.map((port) => ({ protocol, port: port as Port }))),
    owner: true,
    sctpPortsOfOthers: [],
  };
  const pid = await startPodProcess(plan, []);
  const failed = await serve(plan);
  if (failed.length > 0) throw new Error(failed.join('; '));
  return pid;
}
