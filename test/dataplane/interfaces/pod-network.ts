/** A node and its pods as network namespaces, joined in the ways that CNI plugins join them. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface PodNetwork {
  /** Path of the node's namespace. */
  readonly node: string;
  addPod(pod: string): void;
  deletePod(pod: string): void;
  /** `ip` commands, a line each, in the node's namespace or a pod's. */
  onNode(...commands: readonly string[]): void;
  inPod(pod: string, ...commands: readonly string[]): void;
  /** A pod, its veth `host` with a route to each address, as ptp plugins make them. */
  addRoutedPod(pod: string, host: string, addresses: readonly string[]): void;
  /** A pod whose veth `host` is a port of a bridge; nothing on the node names its addresses. */
  addBridgedPod(pod: string, host: string, bridge: string, addresses: readonly string[]): void;
  /** Index of an interface of the node. */
  indexOf(name: string): number;
  /** Name below /run/netns. */
  nameOf(pod: string): string;
  remove(): void;
}

/** `name` must be unique on the machine. Throws when a command fails. */
export function createPodNetwork(name: string): PodNetwork {
  const nameOf = (pod: string) => `${name}-${pod}`;
  const pods = new Set<string>();
  const batch = (namespace: string, commands: readonly string[]) =>
    void execFileSync('ip', ['-n', namespace, '-batch', '-'], {
      input: commands.join('\n'),
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
  const onNode = (...commands: readonly string[]) => batch(name, commands);
  const inPod = (pod: string, ...commands: readonly string[]) => batch(nameOf(pod), commands);
  const addPod = (pod: string) => {
    execFileSync('ip', ['netns', 'add', nameOf(pod)]);
    pods.add(pod);
  };
  const joinPod = (pod: string, host: string, addresses: readonly string[]) => {
    addPod(pod);
    inPod(pod, `link add eth0 type veth peer name ${host} netns ${name}`, 'link set eth0 up');
    inPod(pod, ...addresses.map((address) => `address add ${address} dev eth0`));
  };
  const deletePod = (pod: string) => {
    pods.delete(pod);
    execFileSync('ip', ['netns', 'delete', nameOf(pod)]);
  };
  execFileSync('ip', ['netns', 'add', name]);
  return {
    node: `/run/netns/${name}`,
    addPod,
    deletePod,
    onNode,
    inPod,
    nameOf,
    addRoutedPod(pod, host, addresses) {
      joinPod(pod, host, addresses);
      onNode(`link set ${host} up`, ...addresses.map((address) => `route add ${address} dev ${host}`));
    },
    addBridgedPod(pod, host, bridge, addresses) {
      joinPod(pod, host, addresses);
      onNode(`link set ${host} master ${bridge} up`);
    },
    indexOf(interfaceName) {
      const text = execFileSync('ip', ['-n', name, '-json', 'link', 'show', 'dev', interfaceName], {
        encoding: 'utf8',
      });
      return JSON.parse(text)[0].ifindex;
    },
    remove() {
      for (const pod of [...pods]) if (existsSync(`/run/netns/${nameOf(pod)}`)) deletePod(pod);
      execFileSync('ip', ['netns', 'delete', name]);
    },
  };
}
