/** A lab for a suite: brought up once, changed and probed by its tests, and taken down whatever happens. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect } from 'vitest';
import { askAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { RowsJson } from '../../src/agent/rows-json.ts';
import type { AgentStatus as WholeStatus } from '../../src/agent/status.ts';
import type { AddressPool } from '../../src/cluster/address-pool.ts';
import { listConntrack } from '../../src/kernel/conntrack.ts';
import {
  type LabChangeResult,
  type LabServer,
  labApply,
  labDelete,
  labDown,
  labProbe,
  labStatus,
  labUp,
} from '../../src/lab/lab.ts';
import { readState } from '../../src/lab/state.ts';
import { compareText } from '../../src/model/names.ts';
import { type ProbeAnswer, type ProbeLine, parseProbeRequest } from '../../src/model/probe-request.ts';
import type { Manifest } from './manifests.ts';
import { networkPolicy } from './policy-manifests.ts';

const run = promisify(execFile);

/**
 * What serves Services where every behaviour is held: packets by nft; sockets by BPF; and what is left to fall back on where
 * sockets are served, but not those of pods: the policy programs on pods' interfaces, and nft for what these don't take.
 */
export const BACKENDS = ['nft', 'bpf', 'bpf with fallbacks'] as const;
type ServicesBackend = (typeof BACKENDS)[number];

const BACKEND_ARGUMENTS: Readonly<Record<ServicesBackend, readonly string[]>> = {
  nft: ['--services-backend=nft'],
  bpf: ['--services-backend=bpf'],
  'bpf with fallbacks': ['--services-backend=bpf', '--socket-lb=host-only', '--policy-backend=bpf'],
};

/** What `weir lab probe --batch` takes. */
export interface Question {
  readonly from: string;
  readonly to: string;
  readonly port?: number | string;
  readonly protocol?: 'tcp' | 'udp' | 'sctp' | 'icmp';
  readonly node?: string;
  readonly family?: 4 | 6;
  readonly sourcePort?: number;
}

export interface LabCluster {
  readonly name: string;
  /** Applies manifests; resolves when the change is in the kernel of every node. */
  apply(...manifests: readonly Manifest[]): Promise<LabChangeResult>;
  /** Deletes the objects of these kinds and names. */
  remove(...manifests: readonly Manifest[]): Promise<LabChangeResult>;
  /** Answers with real packets; lines with `error` fail the test. */
  probe(...questions: readonly Question[]): Promise<readonly ProbeAnswer[]>;
  /** The same question `count` times, for distributions. */
  repeat(count: number, question: Question): Promise<readonly ProbeAnswer[]>;
  /** Lines as they are, errors too. */
  ask(...questions: readonly Question[]): Promise<readonly ProbeLine[]>;
  /** Network namespace path of `ns/pod`, `node/NAME` or `external`. */
  netns(who: string): string;
  /** Directory of the cgroup of `ns/pod` or `node/NAME`. */
  cgroup(who: string): string;
  /** Runs a command in that namespace and returns what it prints. */
  inside(who: string, ...argv: readonly string[]): Promise<string>;
  /** GET /status of the node's agent. */
  status(node: string): Promise<AgentStatus>;
  /** GET /rows of the node's agent, in one order whatever came first. */
  rows(node: string): Promise<RowsJson>;
  agentPid(node: string): Promise<number>;
}

/** The part of an agent's status that tests read. */
export interface AgentStatus {
  readonly problems: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
  readonly [key: string]: unknown;
}

/** Set for the suites that run a second time, with agents on this API server. */
const KUBECONFIG = process.env.WEIR_E2E_KUBECONFIG;
export const SERVER: LabServer | null =
  KUBECONFIG === undefined ? null : { kubeconfig: KUBECONFIG, context: null };

let labs = 0;

export interface LabSettings {
  /** Absent: the agents' own choice. */
  readonly servicesBackend?: ServicesBackend;
  readonly agentArguments?: readonly string[];
  readonly loadBalancerPools?: readonly AddressPool[];
  readonly expectTranslation?: boolean;
  readonly server?: LabServer | null;
}

/**
 * Declares the suite's lab. After its tests, conntrack of at least one node must hold a translated flow, sockets must have
 * got backends, or the policy programs must have translated: proof that the backend answered, and not a route around it
 * (`expectTranslation: false` where nothing should be translated).
 */
export function useLab(manifests: readonly Manifest[], settings: LabSettings = {}): LabCluster {
  const { loadBalancerPools = [], expectTranslation = true, server = SERVER } = settings;
  const name = `t${process.pid}-${++labs}`;
  const files = mkdtempSync(join(tmpdir(), 'weir-e2e-'));
  let written = 0;
  const write = (list: readonly Manifest[]): string => {
    const file = join(files, `${++written}.json`);
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: list }));
    return file;
  };
  const ask = (questions: readonly Question[], count = 1) =>
    labProbe({ name, requests: questions.map((question) => parseProbeRequest(question)), count });

  beforeAll(async () => {
    const agentArguments = argumentsOf(settings);
    // The programs are on interfaces of pods that a policy selects.
    const policies = settings.servicesBackend === 'bpf with fallbacks' ? admittingAll(manifests) : [];
    const objects = write([...manifests, ...policies]);
    await labUp({ name, manifests: [objects], agentArguments, loadBalancerPools, server });
  }, 120_000);
  afterAll(async () => {
    try {
      if (expectTranslation) expect(await served(name, settings.servicesBackend)).toBeGreaterThan(0);
    } finally {
      await labDown({ name });
      rmSync(files, { recursive: true, force: true });
    }
  }, 60_000);

  return {
    name,
    apply: (...list) => labApply({ name, paths: [write(list)] }),
    remove: (...list) => labDelete({ name, paths: [write(list)] }),
    probe: async (...questions) => (await ask(questions)).map(answered),
    repeat: async (count, question) => (await ask([question], count)).map(answered),
    ask: (...questions) => ask(questions),
    netns: (who) => netnsOf(name, who),
    cgroup: (who) => cgroupOf(name, who),
    inside: async (who, ...argv) =>
      (await run('nsenter', [`--net=${netnsOf(name, who)}`, ...argv], { maxBuffer: 64 << 20 })).stdout,
    status: async (node) => (await agentOf(name, node)).status as AgentStatus,
    rows: async (node) => rowsOf((await agentOf(name, node)).instance),
    agentPid: async (node) => (await agentOf(name, node)).pid,
  };
}

function argumentsOf({ servicesBackend, agentArguments = [] }: LabSettings): readonly string[] {
  return servicesBackend === undefined
    ? agentArguments
    : [...BACKEND_ARGUMENTS[servicesBackend], ...agentArguments];
}

/** For each namespace of the manifests' pods, a policy that selects them all and lets everything in and out. */
function admittingAll(manifests: readonly Manifest[]): readonly Manifest[] {
  const pods = manifests.filter(({ kind }) => kind === 'Pod');
  const namespaces = new Set(pods.map(({ metadata }) => (metadata as { namespace: string }).namespace));
  return [...namespaces].map((namespace) =>
    networkPolicy('all', { podSelector: {}, ingress: [{}], egress: [{}] }, { namespace }),
  );
}

function answered(line: ProbeLine): ProbeAnswer {
  if ('error' in line) throw new Error(`probe ${line.from} → ${line.to}: ${line.error}`);
  return line;
}

function netnsOf(lab: string, who: string): string {
  if (who === 'external') return `/run/netns/weir-${lab}-external`;
  const [scope = '', rest = ''] = who.split('/');
  return scope === 'node' ? `/run/netns/weir-${lab}-n-${rest}` : `/run/netns/weir-${lab}-p-${scope}-${rest}`;
}

function cgroupOf(lab: string, who: string): string {
  const cgroup = readState(lab).plan.processes.find(({ id }) => id === who)?.cgroup;
  if (typeof cgroup !== 'string') throw new Error(`${who} of lab ${lab} has no cgroup`);
  return cgroup;
}

async function agentOf(lab: string, node: string) {
  const { nodes } = await labStatus({ name: lab });
  const agent = nodes.find((candidate) => candidate.name === node)?.agent;
  if (agent === null || agent === undefined) throw new Error(`no agent on node ${node} of lab ${lab}`);
  return agent;
}

async function rowsOf(instance: string): Promise<RowsJson> {
  const { node, services, addresses, policies } = (await askAgent(
    controlSocketPath(instance),
    'GET',
    '/rows',
  )) as RowsJson;
  return {
    node,
    services: services.toSorted((a, b) => compareText(a.id, b.id)),
    addresses: addresses.toSorted((a, b) => compareText(a.address, b.address)),
    policies: {
      peers: policies.peers.toSorted((a, b) => compareText(a.prefix, b.prefix)),
      subjects: policies.subjects.toSorted((a, b) => compareText(a.pod, b.pod)),
      classes: policies.classes.toSorted((a, b) => compareText(a.name, b.name)),
      rules: policies.rules.toSorted((a, b) => compareText(a.name, b.name)),
    },
  };
}

/** How much the backend that is asked for did. */
async function served(lab: string, backend: ServicesBackend | undefined): Promise<number> {
  if (backend === 'bpf with fallbacks') return translatedByPrograms(lab);
  return (await servedSockets(lab)) ?? (await translatedFlows(lab));
}

async function translatedFlows(lab: string): Promise<number> {
  const { nodes } = await labStatus({ name: lab });
  let flows = 0;
  for (const { name } of nodes)
    for (const family of ['IPv4', 'IPv6'] as const) {
      const entries = await listConntrack({ family }, { networkNamespace: netnsOf(lab, `node/${name}`) });
      flows += entries.filter(({ destinationTranslated }) => destinationTranslated).length;
    }
  return flows;
}

/** Of agents that serve sockets, the connections and messages that got their backend there; null: no agent does. */
async function servedSockets(lab: string): Promise<number | null> {
  const { nodes } = await labStatus({ name: lab });
  const sockets = nodes.flatMap(({ agent }) => (agent?.status as WholeStatus | undefined)?.sockets ?? []);
  if (sockets.length === 0) return null;
  return sockets.reduce((total, { figures }) => total + (figures?.connected ?? 0) + (figures?.sent ?? 0), 0);
}

async function translatedByPrograms(lab: string): Promise<number> {
  const { nodes } = await labStatus({ name: lab });
  const statuses = nodes.map(({ agent }) => agent?.status as WholeStatus | undefined);
  return statuses.reduce((total, status) => total + (status?.policies?.kernel?.tallies.translated ?? 0), 0);
}

/** How often each backend answered. */
export function tally(lines: readonly ProbeAnswer[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { answeredBy, verdict } of lines) {
    const key = answeredBy ?? verdict;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}
