/** A node with two pods behind veth pairs, routed as a plain CNI does it, and the policy programs on the node's sides. */

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { PodInterface } from '../../src/dataplane/policy-change.ts';
import { attachTcx, type TcLink } from '../../src/kernel/bpf-program.ts';
import type { Address } from '../../src/model/address.ts';
import type { ObjectName } from '../../src/model/names.ts';
import { boundToParent } from '../bound-command.ts';
import { address } from './packets.ts';
import type { PolicyNode } from './policy-node.ts';

const GATEWAY = { IPv4: '169.254.1.1', IPv6: 'fe80::1' };
const COMMAND_MS = 20_000;

export interface VethPod {
  readonly name: ObjectName;
  readonly addresses: readonly [Address, Address];
  readonly attached: PodInterface;
}

export interface VethPods {
  readonly client: VethPod;
  readonly server: VethPod;
  /** Runs a shell command in the pod; its exit code and what it wrote. */
  run(
    pod: VethPod,
    command: string,
  ): { readonly code: number | null; readonly output: string; readonly errors: string };
  /** Starts a program in the pod; resolves, when it has written something, to what ends it. */
  start(pod: VethPod, command: string): Promise<() => void>;
  /** Runs `work` with the programs on both pods' interfaces. */
  guarded(node: PolicyNode, work: () => Promise<void>): Promise<void>;
  remove(): void;
}

/** `prefix` must be unique on the machine. Throws when a command fails. */
export function createVethPods(prefix: string): VethPods {
  const spaces = ['node', 'client', 'server'].map((name) => `${prefix}-${name}`);
  const [nodeSpace = ''] = spaces;
  const removeSpaces = () => {
    for (const space of spaces) spawnSync('ip', ['netns', 'del', space]);
  };
  try {
    for (const space of spaces) ip('netns', 'add', space);
    for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding'])
      execFileSync('nsenter', [`--net=/run/netns/${nodeSpace}`, 'sysctl', '-qw', `net.${name}=1`]);
    const pods = { client: createPod(prefix, 'client', 1), server: createPod(prefix, 'server', 2) };
    return {
      ...pods,
      run(pod, command) {
        const space = `--net=/run/netns/${prefix}-${pod.name.split('/')[1]}`;
        const result = spawnSync('nsenter', [space, 'bash', '-c', command], {
          encoding: 'utf8',
          timeout: COMMAND_MS,
        });
        return { code: result.status, output: result.stdout, errors: result.stderr };
      },
      async start(pod, command) {
        const space = `--net=/run/netns/${prefix}-${pod.name.split('/')[1]}`;
        const child = spawn(...boundToParent('nsenter', [space, ...command.split(' ')]), {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
        await once(child.stdout, 'data');
        return () => void child.kill();
      },
      async guarded(node, work) {
        const links: TcLink[] = [];
        try {
          for (const { attached } of Object.values(pods)) {
            const { interfaceIndex } = attached;
            const place = { interfaceIndex, networkNamespace: `/run/netns/${nodeSpace}` };
            links.push(await attachTcx(node.programs.fromPod, { ...place, hook: 'ingress' }));
            links.push(await attachTcx(node.programs.toPod, { ...place, hook: 'egress' }));
          }
          await work();
        } finally {
          // Nothing holds a link but its descriptor: the programs go with it.
          for (const link of links) link.close();
        }
      },
      remove: removeSpaces,
    };
  } catch (error) {
    removeSpaces();
    throw error;
  }
}

function createPod(prefix: string, name: string, host: number): VethPod {
  const node = ['-n', `${prefix}-node`];
  const pod = ['-n', `${prefix}-${name}`];
  const addresses = [address(`10.77.0.${host}`), address(`fd77::${host}`)] as const;
  ip(...node, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `${prefix}-${name}`);
  ip(...node, 'link', 'set', name, 'up');
  ip(...pod, 'link', 'set', 'lo', 'up');
  ip(...pod, 'link', 'set', 'eth0', 'up');
  ip(...node, 'addr', 'add', `${GATEWAY.IPv4}/32`, 'dev', name);
  ip(...node, 'addr', 'add', `${GATEWAY.IPv6}/64`, 'dev', name, 'nodad');
  ip(...pod, 'route', 'add', GATEWAY.IPv4, 'dev', 'eth0');
  for (const own of addresses) {
    ip(...pod, 'addr', 'add', own, 'dev', 'eth0', ...(own.includes(':') ? ['nodad'] : []));
    ip(...node, 'route', 'add', own, 'dev', name);
  }
  ip(...pod, 'route', 'add', 'default', 'via', GATEWAY.IPv4);
  ip(...pod, 'route', 'add', 'default', 'via', GATEWAY.IPv6, 'dev', 'eth0');
  const interfaceIndex = Number(/^(\d+):/.exec(ip(...node, '-o', 'link', 'show', name))?.[1]);
  const podName = `test/${name}` as ObjectName;
  return { name: podName, addresses, attached: { pod: podName, interfaceIndex, addresses, held: false } };
}

function ip(...args: readonly string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8' });
}
