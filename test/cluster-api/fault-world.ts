/** A lab of two nodes with an API server on the first and an agent on each, for one test that breaks something. */
import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { labDown, labProbe, labUp } from '../../src/lab/lab.ts';
import { nodeNamespace } from '../../src/lab/lab-names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { type ApiServer, createApiServer } from './api-server.ts';
import { wholeNode, wholePod, wholeService, wholeSlices } from './cluster-manifests.ts';
import { createNodeAgent, type NodeAgent } from './node-agent.ts';

export type NodeNumber = 1 | 2;

export interface FaultWorld {
  readonly server: ApiServer;
  /** Of node 1 and node 2; they follow the server by `kubeconfig`. */
  readonly agents: Readonly<Record<NodeNumber, NodeAgent>>;
  /** Their token is read from `tokenFile`. */
  readonly kubeconfig: string;
  readonly tokenFile: string;
  /** The pod of each node; Service `web`, 10.96.1.10, leads to that of node 1. */
  readonly pods: Readonly<Record<NodeNumber, Manifest>>;
  start(node: NodeNumber): void;
  /** Waits until the agent has all that the server has, and the kernel too. */
  synced(node: NodeNumber): Promise<void>;
  /** Waits for a minute at most. */
  until(what: string, condition: () => Promise<boolean>): Promise<void>;
  /** Who answers the pod of this node at the address, or the verdict. */
  answer(node: NodeNumber, address: string): Promise<string>;
  /** Why the agent can't follow the server; empty: it can. */
  reason(node: NodeNumber): Promise<string>;
  /** Status and body of the agent's `/healthz`. */
  health(node: NodeNumber): Promise<{ readonly status: number; readonly reason?: string }>;
}

const NODES: readonly NodeNumber[] = [1, 2];
const SERVER = '172.31.0.1';
/** Several worlds share the machine. */
const PATIENCE_MS = 60_000;
const run = promisify(execFile);

/** Builds the world, lets the test work in it, and leaves nothing of it. `name` tells it from those beside it. */
export async function inFaultWorld(name: string, work: (world: FaultWorld) => Promise<void>): Promise<void> {
  const lab = `${name}${process.pid}`;
  const netns = (node: NodeNumber) => `/run/netns/${nodeNamespace(lab, `n${node}`)}`;
  const server = createApiServer(netns(1), SERVER);
  const agents = {
    1: createNodeAgent(netns(1), 'n1', `${lab}-1`),
    2: createNodeAgent(netns(2), 'n2', `${lab}-2`),
  };
  const pods = { 1: wholePod('pod-1', 'n1', 1, 10), 2: wholePod('pod-2', 'n2', 2, 10) };
  try {
    const objects = [wholeNode('n1', 1), wholeNode('n2', 2), pods[1], pods[2]];
    await labUp({ name: lab, manifests: [writeManifests(server.folder, objects)], agents: false });
    await server.start();
    await server.create(...objects, wholeService('web', 10), ...wholeSlices('web', [pods[1]]));
    const access = writeAccess(server);
    await work({ server, agents, pods, ...access, ...questions(lab, netns, agents, access.kubeconfig) });
  } finally {
    await Promise.all(NODES.map((node) => agents[node].remove()));
    await server.remove();
    await labDown({ name: lab });
  }
}

function questions(
  lab: string,
  netns: (node: NodeNumber) => string,
  agents: FaultWorld['agents'],
  kubeconfig: string,
): Pick<FaultWorld, 'start' | 'synced' | 'until' | 'answer' | 'reason' | 'health'> {
  const until: FaultWorld['until'] = async (what, condition) => {
    const end = performance.now() + PATIENCE_MS;
    while (!(await condition().catch(() => false))) {
      if (performance.now() > end) {
        const said = NODES.map((node) => agents[node].said().slice(-2000)).join('\n');
        throw new Error(`waited in vain until ${what}; agents: ${said}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  };
  return {
    until,
    start: (node) => agents[node].start('--source', 'kubernetes', '--kubeconfig', kubeconfig),
    synced: (node) =>
      until(`agent ${node} is synced`, async () => {
        const { source, sync } = await agents[node].status();
        return source.synced && sync.state === 'synced';
      }),
    async answer(node, address) {
      const requests = [parseProbeRequest({ from: `default/pod-${node}`, to: address, port: 80 })];
      const [line] = await labProbe({ name: lab, requests, count: 1 });
      if (line === undefined || 'error' in line) throw new Error(line?.error ?? 'no answer');
      return line.answeredBy ?? line.verdict;
    },
    reason: async (node) => (await agents[node].status()).source.reason ?? '',
    async health(node) {
      const curl = ['curl', '-s', '-w', '\n%{http_code}', 'http://127.0.0.1:10256/healthz'];
      const { stdout } = await run('nsenter', [`--net=${netns(node)}`, ...curl]);
      const [body = '', status] = stdout
        .trim()
        .split('\n')
        .filter((line) => line !== '');
      return { ...JSON.parse(body), status: Number(status) };
    },
  };
}

function writeManifests(folder: string, items: readonly Manifest[]): string {
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests);
  writeFileSync(join(manifests, 'all.json'), JSON.stringify({ kind: 'List', apiVersion: 'v1', items }));
  return manifests;
}

/** The server's own kubeconfig, but for its token, which stands in a file beside it. */
function writeAccess(server: ApiServer): { readonly kubeconfig: string; readonly tokenFile: string } {
  const own = readFileSync(server.kubeconfig, 'utf8');
  const token = /token: *"?([^\s"]+)/.exec(own)?.[1] ?? '';
  const kubeconfig = join(server.folder, 'kubeconfig');
  const tokenFile = join(server.folder, 'token');
  writeFileSync(tokenFile, token);
  writeFileSync(kubeconfig, own.replace(/token: *"?[^\s"]+"?/, `tokenFile: ${tokenFile}`));
  return { kubeconfig, tokenFile };
}
