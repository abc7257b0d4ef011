/** A lab for one test file: named after the process, with shorthands for probes and for what is left of it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type LabChangeResult, labProbe, labUp } from '../../src/lab/lab.ts';
import { labCgroup, labDirectory, NETNS_DIRECTORY } from '../../src/lab/lab-names.ts';
import type { Port } from '../../src/model/names.ts';
import type { ParsedRequest, ProbeLine, ProbeRequest } from '../../src/model/probe-request.ts';
import { type ManifestFolder, manifestFolder, TWO_NODES } from './manifests.ts';

/** Every test file runs in a process of its own. */
export const NAME = `labtest-${process.pid}`;
export const folder: ManifestFolder = manifestFolder();

export type RequestPart = Partial<Omit<ProbeRequest, 'port' | 'sourcePort' | 'node'>> & {
  readonly port?: number;
  readonly sourcePort?: number;
  readonly node?: string;
};

/** A request from one pod to another on its node, but for what `part` says. */
export function request(part: RequestPart = {}): ParsedRequest {
  const rest = { protocol: null, family: null, ...part };
  return {
    from: 'shop/web',
    to: 'shop/cart',
    ...rest,
    port: (part.port ?? null) as Port | null,
    sourcePort: (part.sourcePort ?? null) as Port | null,
    node: (part.node ?? null) as ProbeRequest['node'],
  };
}

export function probe(part: RequestPart, count = 1): Promise<readonly ProbeLine[]> {
  return labProbe({ name: NAME, requests: [request(part)], count });
}

/** The verdict of each line, or its error. */
export function verdictsOf(lines: readonly ProbeLine[]): readonly string[] {
  return lines.map((line) => ('error' in line ? line.error : line.verdict));
}

export async function verdicts(part: RequestPart): Promise<readonly string[]> {
  return verdictsOf(await probe(part));
}

/** Two nodes and four pods, without agents. */
export function up(): Promise<LabChangeResult> {
  return labUp({ name: NAME, manifests: [folder.write('cluster', TWO_NODES)], agents: false });
}

/** Namespaces, files, cgroups and processes of the lab. */
export function leftovers(): readonly string[] {
  const namespaces = existsSync(NETNS_DIRECTORY) ? readdirSync(NETNS_DIRECTORY) : [];
  const processes = readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && commandOf(pid).includes(NAME));
  return [
    ...namespaces.filter((name) => name.includes(NAME)),
    ...[labDirectory(NAME), labCgroup(NAME)].filter((path) => existsSync(path)),
    ...processes,
  ];
}

/** Command line of a process; empty when it has gone. */
export function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Runs a program in a namespace of the lab (`n-north`, `p-shop-web`, `external`) and returns what it prints. */
export function inNamespace(namespace: string, argv: readonly string[], input = ''): string {
  const path = `--net=${NETNS_DIRECTORY}/weir-${NAME}-${namespace}`;
  return execFileSync('nsenter', [path, ...argv], { encoding: 'utf8', input });
}
