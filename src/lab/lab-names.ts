/** Every name and path of a lab, in one place: namespaces, devices, hardware addresses, cgroups, sockets. */
import { createHash } from 'node:crypto';
import { LabError } from './lab-error.ts';

export const CGROUP_ROOT = '/sys/fs/cgroup/unified';
export const NETNS_DIRECTORY = '/run/netns';
/** Labs live side by side below it. */
export const LABS_DIRECTORY = '/run/weir/lab';

const NAME = /^[a-z0-9]([-a-z0-9]{0,30}[a-z0-9])?$/;
/** File names are at most 255 bytes; sockets' whole paths at most 107. */
const LONGEST_NETNS = 200;
const LONGEST_SOCKET_PATH = 107;

/** @throws LabError (usage) if `name` can't be a lab's. */
export function checkLabName(name: string): void {
  if (NAME.test(name)) return;
  const rule = 'use at most 32 lower-case letters, digits and "-", with a letter or digit at both ends';
  throw new LabError('usage', `${JSON.stringify(name)} is not a lab's name; ${rule}`);
}

export function labDirectory(lab: string): string {
  return `${LABS_DIRECTORY}/${lab}`;
}

/** The agents' `--source`. */
export function objectsDirectory(lab: string): string {
  return `${labDirectory(lab)}/objects`;
}

export function nodeNamespace(lab: string, node: string): string {
  return shortened(`weir-${lab}-n-${node}`, LONGEST_NETNS);
}

/**
 * `taken` are the namespaces of other pods: `a-b/c` and `a/b-c` ask for the same name, and the second gets a suffix.
 */
export function podNamespace(
  lab: string,
  namespace: string,
  pod: string,
  taken: ReadonlySet<string>,
): string {
  const name = shortened(`weir-${lab}-p-${namespace}-${pod}`, LONGEST_NETNS);
  return taken.has(name) ? `${name}-${digest(`${namespace}/${pod}`, 6)}` : name;
}

export function externalNamespace(lab: string): string {
  return `weir-${lab}-external`;
}

export function underlayNamespace(lab: string): string {
  return `weir-${lab}-underlay`;
}

/** The instance of a node's agent: its share of the machine. */
export function agentInstance(lab: string, node: string): string {
  return `lab-${lab}-${node}`;
}

export function labCgroup(lab: string): string {
  return `${CGROUP_ROOT}/weir-lab-${lab}`;
}

export function nodeCgroup(lab: string, node: string): string {
  return `${labCgroup(lab)}/${node}`;
}

/** No name of Kubernetes holds `_`, so a pod's cgroup is never another's, nor the node's own (`node`). */
export function podCgroup(lab: string, node: string, namespace: string, pod: string): string {
  return `${nodeCgroup(lab, node)}/${shortened(`${namespace}_${pod}`, LONGEST_NETNS)}`;
}

/** Control socket of the process of a pod, node or external client; `id` tells them apart. */
export function controlSocket(lab: string, id: string): string {
  const directory = `${labDirectory(lab)}/pods`;
  const room = LONGEST_SOCKET_PATH - directory.length - '/.sock'.length;
  return `${directory}/${shortened(id.replaceAll('/', '_'), room)}.sock`;
}

/** Host side of a pod's veth pair. */
export function podDevice(namespace: string, pod: string): string {
  return `weir${digest(`${namespace}/${pod}`, 10)}`;
}

/** Bridge port of a node (or `external`) in the underlay. */
export function underlayDevice(node: string): string {
  return `port${digest(node, 10)}`;
}

/** A locally administered unicast address, the same for the same owner. */
export function hardwareAddress(owner: string): string {
  const hex = digest(owner, 10);
  return `02:${hex.match(/../g)?.join(':')}`;
}

/** The link-local address that belongs to a hardware address (modified EUI-64). */
export function linkLocalAddress(mac: string): string {
  const [a = '', b = '', c = '', d = '', e = '', f = ''] = mac.split(':');
  const first = (Number.parseInt(a, 16) ^ 2).toString(16).padStart(2, '0');
  const groups = [`${first}${b}`, `${c}ff`, `fe${d}`, `${e}${f}`];
  return `fe80::${groups.map((group) => Number.parseInt(group, 16).toString(16)).join(':')}`;
}

function shortened(name: string, longest: number): string {
  return name.length <= longest ? name : `${name.slice(0, longest - 11)}-${digest(name, 10)}`;
}

function digest(text: string, digits: number): string {
  return createHash('sha256').update(text).digest('hex').slice(0, digits);
}
