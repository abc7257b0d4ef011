import { execFile } from 'node:child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control-client.ts';
import { controlSocketPath, RUN_DIRECTORY } from '../../src/agent/instance-paths.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { BPF_FILE_SYSTEM, pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { labDown, labProbe, labUp } from '../../src/lab/lab.ts';
import { labCgroup, nodeNamespace } from '../../src/lab/lab-names.ts';
import { parseProbeRequest } from '../../src/model/probe-request.ts';
import { type ApiServer, createApiServer, PORT } from '../cluster-api/api-server.ts';
import { wholeService, wholeSlices } from '../cluster-api/cluster-manifests.ts';
import { createNodeAgent, type NodeAgent } from '../cluster-api/node-agent.ts';
import { holdFlows } from '../e2e/flows.ts';
import type { Manifest } from '../e2e/manifests.ts';
import { networkPolicy, podsLabelled } from '../e2e/policy-manifests.ts';
import { CLIENTS, CLUSTER, client, FRONTENDS, KUBE_PROXY, near } from './cluster.ts';
import { buildImage, IMAGE } from './image.ts';
import {
  type ConfigMap,
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
let server: ApiServer;
let plain: NodeAgent;
let rendered: readonly Rendered[];
let daemonSet: DaemonSet;
let box: NodeContainers;
let hostBefore: string;
let expected: Awaited<ReturnType<typeof answers>>;

beforeAll(async () => {
  hostBefore = await hostNetwork();
  server = createApiServer(NETNS);
  await buildImage();
  rendered = await renderManifests();
  daemonSet = daemonSetOf(rendered);
  plain = createNodeAgent(NETNS, 'one');
  const manifests = join(server.folder, 'all.json');
  writeFileSync(manifests, JSON.stringify({ kind: 'List', apiVersion: 'v1', items: CLUSTER }));
  await labUp({ name: LAB, manifests: [manifests], agents: false });
  await server.start();
  await server.create(...CLUSTER);
  const data = dirname(server.kubeconfig);
  const { template } = daemonSet.spec;
  const name = template.spec.volumes.find(({ configMap }) => configMap !== undefined)?.configMap?.name ?? '';
  box = createNodeContainers({
    netns: NETNS,
    node: 'one',
    cgroup: labCgroup(LAB),
    configMaps: {
      [name]: withCgroup(configMapOf(rendered, name)?.data ?? {}),
      'weir-api-server': { host: '127.0.0.1', port: String(PORT) },
    },
    serviceAccount: { token: join(data, 'token'), 'ca.crt': join(data, 'apiserver.crt') },
  });
});

afterAll(async () => {
  const ended = await Promise.allSettled([box?.remove(), plain?.remove(), server?.remove()]);
  await labDown({ name: LAB });
  expect(ended.filter(({ status }) => status === 'rejected')).toEqual([]);
});

/** The lab's node has its pods elsewhere than a kubelet. */
function withCgroup(data: ConfigMap['data']): ConfigMap['data'] {
  return { ...data, 'weir.yaml': `${data['weir.yaml']}socket-lb-cgroup: /sys/fs/cgroup/one\n` };
}

/** What of the host's own network an engine might change. */
async function hostNetwork(): Promise<string> {
  const rules = (await run('nft', ['--stateless', 'list', 'ruleset'])).stdout;
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

/** Who answers the client pod at this cluster IP, or the verdict. */
async function answer(address: string): Promise<string> {
  const requests = [parseProbeRequest({ from: 'default/client-1', to: address, port: 80 })];
  const [line] = await labProbe({ name: LAB, requests, count: 1 });
  if (line === undefined || 'error' in line) throw new Error(line?.error ?? 'no answer');
  return line.answeredBy ?? line.verdict;
}

/** Who answers each client at each frontend, or the verdict, and the client's address as others see it. */
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
    return { from, to, address, verdict, answeredBy, clientSeen: answeredBy === from ? null : clientSeen };
  });
}

function whoAnswered({ from, to, address, verdict, answeredBy }: (typeof expected)[number]) {
  return { from, to, address, verdict, answeredBy };
}

function annotated(manifest: Manifest, annotations: Readonly<Record<string, string>>): Manifest {
  return { ...manifest, metadata: { ...(manifest.metadata as object), annotations } };
}

/** SYS_ADMIN contains others; what an agent does less without these two is held by a test of its own. */
function isOwn(capability: string): boolean {
  return !['SYS_ADMIN', 'SYS_PTRACE'].includes(capability);
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

/** A command in the image, in the node's network namespace; what it printed. */
async function inImage(...argv: readonly string[]): Promise<string> {
  return (await podman('run', '--rm', '--timeout', '60', ...runFlags(NETNS), '--entrypoint', ...argv)).stdout;
}

/** A command in the node's network namespace; what it printed. */
async function inNode(...argv: readonly string[]): Promise<string> {
  return (await run('nsenter', [`--net=${NETNS}`, ...argv])).stdout;
}

/** What deploy/cleanup does on a node, before it only waits. */
async function cleanUp(): Promise<string> {
  const { spec } = daemonSetOf(await renderManifests('cleanup')).spec.template;
  const [cleaner] = spec.initContainers ?? [];
  if (cleaner === undefined) throw new Error('deploy/cleanup has no init container');
  expect(spec.containers[0].command).toEqual(['sleep', 'infinity']);
  return box.runToEnd(spec, cleaner);
}

describe('the image', () => {
  it('has the libraries of the addons, and nothing that builds them', async () => {
    const script = `for each in cc gcc g++ clang make cmake npm nodejs; do command -v $each && exit 1; done
      find /opt/weir -name '*.node' -exec ldd {} +`;
    const libraries = await inImage('sh', IMAGE, '-c', script);
    expect(libraries).toContain('libnftables.so');
    expect(libraries).not.toContain('not found');
  });

  it('has every package that some module of the command line imports', async () => {
    const found = await inImage('/opt/weir/node_modules/node/bin/node', IMAGE, '--eval', LOAD_PACKAGES);
    expect(found.trim().split('\n')).toEqual(expect.arrayContaining(['commander', 'nft-js', 'pino', 'zod']));
  });
});

/** Loads the packages that modules name, also those that are imported only when they are needed; prints their names. */
const LOAD_PACKAGES = `(async () => {
  const fs = require('node:fs');
  const modules = fs.globSync('/opt/weir/src/**/*.ts').map((path) => fs.readFileSync(path, 'utf8'));
  const named = modules.flatMap((text) => [...text.matchAll(/(?:from |import\\()'([a-z@][^':]*)'/g)]);
  const names = new Set(named.map(([, name]) => name));
  const resolve = require('node:module').createRequire('/opt/weir/').resolve;
  for (const name of names) await import(require('node:url').pathToFileURL(resolve(name)));
  for (const name of names) console.log(name);
})()`;

describe('the container of the DaemonSet', () => {
  it('moves packets as an agent without a container does', async () => {
    const kubeconfig = join(server.folder, 'kubeconfig');
    copyFileSync(server.kubeconfig, kubeconfig);
    plain.start('--source', 'kubernetes', '--kubeconfig', kubeconfig);
    await until('the plain agent is synced', async () => (await plain.status()).sync.state === 'synced');
    expect((await plain.status()).backends.services.why).toMatch(
      /^auto: nft .* no cgroup of a kubelet is here/,
    );
    expected = await answers();
    expect(new Set(expected.map(({ verdict }) => verdict))).toEqual(
      new Set(['allowed', 'refused', 'blocked']),
    );
    expect(await plain.stop()).toBe(0);
    await inNode('nft', 'delete table inet weir');
    await start();
    await until('the container is synced', synced);
    expect((await status()).backends.services.why).toMatch(/^auto, at sockets of \/sys\/fs\/cgroup\/one;/);
    expect(await answers()).toEqual(expected);
  });

  it('answers what is asked inside it, and the probes of a kubelet', async () => {
    const inside = JSON.parse(await box.exec('weir', 'status', '--json')) as AgentStatus;
    expect(inside).toMatchObject({ node: 'one', instance: 'weir', healthy: true });
    expect(inside.source).toMatchObject({ origin: `https://127.0.0.1:${PORT}`, synced: true });
    const [container] = daemonSet.spec.template.spec.containers;
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      const { host, port, path } = container[probe]?.httpGet ?? {};
      const ask = `fetch('http://${host}:${port}${path}').then((answer) => console.log(answer.status))`;
      expect([probe, await inNode(process.execPath, '--eval', ask)]).toEqual([probe, '200\n']);
    }
  });

  it('follows the API server, and goes on where it was after it was killed', async () => {
    await server.apply(wholeService('new', 20), ...wholeSlices('new', [near]));
    await until('a new Service answers', async () => (await answer('10.96.1.20')) === 'default/near-1');
    await box.kill();
    expect(await answers()).toEqual(expected);
    await server.kubectl('delete', 'service', 'new', '--wait=false');
    await server.kubectl('delete', 'endpointslice', 'new-ipv4', 'new-ipv6', '--wait=false');
    await start();
    await until('the container is synced', synced);
    await until('what was deleted meanwhile is gone', async () => (await answer('10.96.1.20')) === 'blocked');
    expect(await answers()).toEqual(expected);
  });

  it('ends in order when it is told to, logs lines of JSON on stderr, and leaves the kernel as it is', async () => {
    const { terminationGracePeriodSeconds } = daemonSet.spec.template.spec;
    expect(await box.stop(terminationGracePeriodSeconds)).toBe(0);
    const { stdout, stderr } = await box.logs();
    expect(stdout).toBe('');
    const lines = stderr
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { readonly msg: string });
    expect(lines.at(-1)?.msg).toMatch(/^SIGTERM: stopping/);
    expect(await answers()).toEqual(expected);
  });

  it('does without any capability that it is not given, and not without those', async () => {
    const [{ securityContext }] = daemonSet.spec.template.spec.containers;
    const { add } = securityContext.capabilities as { readonly add: readonly string[] };
    expect(add.length).toBeGreaterThan(0);
    const needed = add.filter(isOwn);
    for (const capability of needed) {
      const others = { drop: ['ALL'], add: needed.filter((each) => each !== capability) };
      await start({ ...securityContext, capabilities: others });
      await until(`it fails without ${capability}`, async () => {
        const { stderr } = await box.logs();
        return /EPERM|EACCES|BPF can't be used here/.test(stderr);
      });
    }
  });

  it('enforces policies by BPF, goes on while it is killed, and by nftables where a capability for BPF is missing', async () => {
    const [{ securityContext }] = daemonSet.spec.template.spec.containers;
    const { drop, add } = securityContext.capabilities as Record<'drop' | 'add', readonly string[]>;
    const onlyNear = networkPolicy('client', {
      policyTypes: ['Egress'],
      egress: [{ to: [podsLabelled('near')] }],
    });
    const reached = async () => [await answer('10.96.1.10'), await answer('10.96.1.11')];
    await start();
    await until('the container is synced', synced);
    await server.apply(onlyNear);
    await until('the policy counts', async () => (await answer('10.96.1.11')) === 'blocked');
    expect((await status()).backends.policy).toMatchObject({ backend: 'bpf' });
    await box.kill();
    expect(await reached()).toEqual(['default/near-1', 'blocked']);
    for (const capability of ['BPF', 'PERFMON']) {
      const without = { drop, add: add.filter((each) => isOwn(each) && each !== capability) };
      await start({ ...securityContext, capabilities: without });
      await until('the container is synced', synced);
      await until(
        `nft enforces without ${capability}`,
        async () =>
          (await status()).backends.policy.backend === 'nft' &&
          (await inNode('nft', 'list tables')).includes('weir-policy'),
      );
      const { policy, services } = (await status()).backends;
      expect(policy.why).toMatch(/^auto: BPF can't be used here, nft enforces instead: /);
      expect(services.why).toMatch(/^auto: nft serves sockets too, .*(EPERM|not permitted)/);
      expect(await reached()).toEqual(['default/near-1', 'blocked']);
    }
    await server.kubectl('delete', 'networkpolicy', 'client', '--wait=false');
    await until('the policy is gone', async () => (await answer('10.96.1.11')) === 'default/far-1');
  });

  it('[E2] serves sockets in the kubelet’s cgroup, and needs SYS_PTRACE for exempt pods, SYS_ADMIN for what another agent left', async () => {
    const pod = daemonSet.spec.template.spec;
    const [container] = pod.containers;
    const { drop, add } = container.securityContext.capabilities as Record<'drop' | 'add', readonly string[]>;
    const startWithout = async (missing: string | null) => {
      const capabilities = { drop, add: add.filter((each) => each !== missing) };
      await box.start(pod, container, { ...container.securityContext, capabilities });
      await until('the container is synced', synced);
    };
    const sockets = async () => (await status()).sockets;
    await server.apply(annotated(client, { 'weir.dev/socket-lb': 'off' }));
    for (const missing of [null, 'SYS_PTRACE']) {
      await startWithout(missing);
      await until('sockets are served', async () => (await sockets())?.attached === true);
      const before = (await sockets())?.figures?.connected ?? 0;
      expect((await answers()).map(whoAnswered)).toEqual(expected.map(whoAnswered));
      expect((await sockets())?.figures?.connected ?? 0).toBeGreaterThan(before);
      const isExempt = async () => (await sockets())?.exempt.join() === 'default/client-1';
      const isTold = async () => (await status()).problems.some(({ reason }) => reason === 'NotExempt');
      await until(`it is as it has to be without ${missing}`, missing === null ? isExempt : isTold);
    }
    await startWithout('SYS_ADMIN');
    await until('it says so', async () => /not permitted/.test((await sockets())?.error ?? ''));
    expect((await answers()).map(whoAnswered)).toEqual(expected.map(whoAnswered));
    await server.apply(client);
    await box.start(pod, { ...container, args: [...(container.args ?? []), '--services-backend=nft'] });
    await until('nft serves again', async () => !existsSync(box.hostPath(`${pinDirectory('weir')}/sockets`)));
  });

  it('works the same with every right there is', async () => {
    await start({ privileged: true });
    await until('the privileged container is synced', synced);
    expect(await answers()).toEqual(expected);
  });

  it('takes the node over from kube-proxy and gives it back, while connections go on and new ones are answered', async () => {
    await box.stop(5);
    await cleanUp();
    await inNode('nft', KUBE_PROXY);
    const netns = () => `/run/netns/weir-${LAB}-p-default-client-1`;
    const flows = await holdFlows({ netns }, 'default/client-1', {
      address: '10.96.1.11',
      port: 80,
      tcp: 4,
      rate: 50,
    });
    await start();
    await until('the container is synced', synced);
    await inNode('nft', 'delete table ip kube-proxy');
    expect(await answer('10.96.1.11')).toBe('default/far-1');
    await inNode('nft', KUBE_PROXY);
    await box.stop(5);
    await cleanUp();
    expect(await answer('10.96.1.11')).toBe('default/far-1');
    expect(await flows.end()).toMatchObject({ failed: 0, broken: 0, moved: 0, backends: ['default/far-1'] });
    await inNode('nft', 'delete table ip kube-proxy');
  });

  it('leaves nothing on the node once its place is taken by deploy/cleanup', async () => {
    await start();
    await until('the container is synced', synced);
    await box.kill();
    expect(await cleanUp()).toMatch(/^removed nft table inet weir$/m);
    expect(await inNode('nft', 'list tables')).not.toContain('weir');
    expect(readdirSync(box.hostPath(RUN_DIRECTORY))).toEqual([]);
    expect(existsSync(join(box.hostPath(BPF_FILE_SYSTEM), 'weir'))).toBe(false);
  });

  it('has changed nothing of the host’s own network', async () => {
    expect(await hostNetwork()).toBe(hostBefore);
  });
});

describe('the manifests', () => {
  it('are taken by the API server as they are, as far as it serves their kinds', async () => {
    const served = rendered.filter(({ kind }) => ['ServiceAccount', 'ConfigMap'].includes(kind));
    expect(served.length).toBe(2);
    await server.apply(...served);
    expect(await server.kubectl('get', 'configmaps', '-n', 'kube-system', '-o', 'name')).toContain('weir');
  });

  it.each(['base', 'cleanup'])(
    'have a pod in %s that the API server takes, in which it knows every field',
    async (folder) => {
      const { metadata, spec } = daemonSetOf(await renderManifests(folder)).spec.template;
      const pod = {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { ...metadata, name: `weir-${folder}`, namespace: 'kube-system' },
        spec: { ...spec, nodeName: 'none' },
      };
      await server.create(pod);
      const misspelt = { ...pod, spec: { ...pod.spec, hostNetworks: true } };
      await expect(server.create(misspelt)).rejects.toThrow(/hostNetworks/);
    },
  );
});
