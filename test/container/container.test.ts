import { execFile } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { labDown, labProbe, labUp } from '../../src/lab/lab.ts';
import { nodeNamespace } from '../../src/lab/lab-names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { type ApiServer, createApiServer, PORT } from '../cluster-api/api-server.ts';
import { wholeNode, wholePod, wholeService, wholeSlices } from '../cluster-api/cluster-manifests.ts';
import { createNodeAgent, type NodeAgent } from '../cluster-api/node-agent.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { buildImage, IMAGE } from './image.ts';
import {
  type Container,
  configMapOf,
  type DaemonSet,
  daemonSetOf,
  type Rendered,
  renderManifests,
} from './manifests.ts';
import { createNodeContainers, type NodeContainers } from './node-container.ts';
import { podman, runFlags } from './podman.ts';

const run = promisify(execFile);
const LAB = `box${process.pid}`;
const NETNS = `/run/netns/${nodeNamespace(LAB, 'one')}`;
const near = wholePod('near-1', 'one', 1, 10);
const far = wholePod('far-1', 'two', 2, 10);
const client = wholePod('client-1', 'one', 1, 12);
const port = (nodePort: number) => ({ port: 80, targetPort: 8080, nodePort, protocol: 'TCP' });

/** One endpoint a Service, so that the same question has the same answer. */
const CLUSTER: readonly Manifest[] = [
  ...[wholeNode('one', 1), wholeNode('two', 2), near, far, client],
  wholeService('near', 10, { type: 'NodePort', ports: [port(30010)], externalIPs: ['198.51.100.7'] }),
  ...wholeSlices('near', [near]),
  wholeService('far', 11, { type: 'NodePort', ports: [port(30011)] }),
  ...wholeSlices('far', [far]),
  wholeService('local', 12, { type: 'NodePort', ports: [port(30012)], externalTrafficPolicy: 'Local' }),
  ...wholeSlices('local', [far]),
  wholeService('nobody', 13),
];
const FRONTENDS = [
  ...[10, 11, 12, 13].map((host) => ({ to: `10.96.1.${host}`, port: 80 })),
  ...[10, 11, 12, 13].map((host) => ({ to: `fd96::1:${host}`, port: 80 })),
  ...[30010, 30011, 30012].map((nodePort) => ({ to: `nodeport:one:${nodePort}` })),
  { to: '198.51.100.7', port: 80 },
];
const CLIENTS = ['default/client-1', 'default/near-1', 'node/one', 'external'];

let server: ApiServer;
let plain: NodeAgent;
let rendered: readonly Rendered[];
let daemonSet: DaemonSet;
let box: NodeContainers;
let hostBefore: string;

beforeAll(async () => {
  hostBefore = await hostNetwork();
  await buildImage();
  rendered = await renderManifests();
  daemonSet = daemonSetOf(rendered);
  server = createApiServer(NETNS);
  plain = createNodeAgent(NETNS, 'one');
  const manifests = join(server.folder, 'all.json');
  writeFileSync(manifests, JSON.stringify({ kind: 'List', apiVersion: 'v1', items: CLUSTER }));
  await labUp({ name: LAB, manifests: [manifests], agents: false });
  await server.start();
  await server.create(...CLUSTER);
  const data = dirname(server.kubeconfig);
  const { template } = daemonSet.spec;
  const [{ configMap }] = template.spec.volumes as [{ configMap: { name: string } }];
  box = createNodeContainers({
    netns: NETNS,
    node: 'one',
    configMaps: {
      [configMap.name]: configMapOf(rendered, configMap.name)?.data ?? {},
      'weir-api-server': { host: '127.0.0.1', port: String(PORT) },
    },
    serviceAccount: { token: join(data, 'token'), 'ca.crt': join(data, 'apiserver.crt') },
  });
});

afterAll(async () => {
  await box?.remove();
  await plain?.remove();
  await server?.remove();
  await labDown({ name: LAB });
});

/** What of the host's own network an engine might change. */
async function hostNetwork(): Promise<string> {
  const rules = (await run('nft', ['list', 'ruleset'])).stdout;
  const links = (await run('ip', ['-oneline', 'link', 'show', 'type', 'bridge'])).stdout;
  return [rules, links, readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8')].join('\n');
}

async function until(what: string, condition: () => Promise<boolean>, seconds = 20): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition().catch(() => false))) {
    if (performance.now() > end) {
      const { stderr } = await box.logs().catch(() => ({ stderr: 'no container' }));
      throw new Error(`waited in vain until ${what}; container: ${stderr.slice(-2000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Who answers each client at each frontend, or the verdict, and the client's address as seen. */
async function answers() {
  const requests = CLIENTS.flatMap((from) =>
    FRONTENDS.map((frontend) =>
      parseProbeRequest({ from, ...frontend, ...(from === 'external' ? { node: 'one' } : {}) }),
    ),
  );
  const lines = await labProbe({ name: LAB, requests, count: 1 });
  return lines.map((line) => {
    if ('error' in line) throw new Error(`${line.from} → ${line.to}: ${line.error}`);
    const { from, to, address, verdict, answeredBy, clientSeen } = line;
    return { from, to, address, verdict, answeredBy, clientSeen };
  });
}

/** As the pod of the DaemonSet asks itself; the socket is on the node's disk. */
async function status(): Promise<AgentStatus> {
  const socket = box.hostPath(controlSocketPath('weir'));
  return (await askAgent(socket, 'GET', '/status')) as AgentStatus;
}

const synced = async () => (await status()).sync.state === 'synced';

/** Starts what the DaemonSet says, or with other rights. */
async function start(securityContext?: Container['securityContext']): Promise<void> {
  const pod = daemonSet.spec.template.spec;
  await box.start(pod, pod.containers[0], securityContext);
}

describe('the image', () => {
  it('has what the agent runs, and nothing that builds it', async () => {
    const script = `for each in cc gcc g++ clang make cmake npm nodejs; do command -v $each && exit 1; done
      ldd /opt/weir/native/build/Release/weir.node /opt/weir/node_modules/nft-js/build/Release/nft_js.node`;
    const { stdout } = await podman(
      'run',
      '--rm',
      ...runFlags(NETNS),
      '--entrypoint',
      'sh',
      IMAGE,
      '-c',
      script,
    );
    expect(stdout).toContain('libnftables.so');
    expect(stdout).not.toContain('not found');
  });
});

describe('the container of the DaemonSet', () => {
  it('moves packets as an agent without a container does', async () => {
    const kubeconfig = join(server.folder, 'kubeconfig');
    copyFileSync(server.kubeconfig, kubeconfig);
    plain.start('--source', 'kubernetes', '--kubeconfig', kubeconfig);
    await until('the plain agent is synced', async () => (await plain.status()).sync.state === 'synced');
    const expected = await answers();
    expect(new Set(expected.map(({ verdict }) => verdict))).toEqual(
      new Set(['allowed', 'refused', 'blocked']),
    );
    expect(await plain.stop()).toBe(0);
    await run('nsenter', [`--net=${NETNS}`, 'nft', 'delete', 'table', 'inet', 'weir']);
    await start();
    await until('the container is synced', synced);
    expect(await answers()).toEqual(expected);
  });
});
