import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { askAgent } from '../../src/agent/control-client.ts';
import { allocationPath, controlSocketPath } from '../../src/agent/instance-paths.ts';
import type { AgentStatus } from '../../src/agent/status.ts';
import { TABLE } from '../../src/dataplane/nft/layout.ts';
import { pinDirectory } from '../../src/kernel/bpf-file-system.ts';
import { type Nftables, openNftables } from '../../src/kernel/native.ts';
import { boundToParent } from '../bound-command.ts';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const NODE = `
apiVersion: v1
kind: Node
metadata: {name: n1}
status: {addresses: [{type: InternalIP, address: 192.0.2.1}]}
spec: {podCIDRs: [10.244.1.0/24]}
---
`;
const service = (name: string, clusterIp: string, more = '') => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec:
  clusterIP: ${clusterIp}
  type: NodePort
  selector: {app: ${name}}
  ports: [{port: 80, nodePort: ${more === '' ? 30007 : more}}]
---
apiVersion: v1
kind: Pod
metadata: {name: ${name}-1, namespace: shop, labels: {app: ${name}}}
spec:
  nodeName: n1
  containers: [{name: c, image: c, ports: [{containerPort: 80}]}]
---
`;

let name: string;
let netns: string;
let directory: string;
let nft: Nftables;
let counter = 0;
const children: ChildProcess[] = [];

beforeEach(async () => {
  counter += 1;
  name = `weir-at-${process.pid}-${counter}`;
  netns = `/run/netns/${name}`;
  execFileSync('ip', ['netns', 'add', name]);
  execFileSync('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
  directory = mkdtempSync(join(tmpdir(), 'weir-process-'));
  nft = await openNftables({ netns });
});

afterEach(async () => {
  await nft.close();
  for (const child of children.splice(0)) await end(child, 'SIGKILL');
  execFileSync('ip', ['netns', 'del', name]);
  rmSync(directory, { recursive: true });
  rmSync(`/run/weir/${name}`, { recursive: true, force: true });
  rmSync(pinDirectory(name), { recursive: true, force: true });
});

const write = (file: string, text: string) => writeFileSync(join(directory, file), text);
const ask = (method: 'GET' | 'POST', resource: string) => askAgent(controlSocketPath(name), method, resource);
const status = async () => (await ask('GET', '/status')) as AgentStatus;

function inNamespace(argv: readonly string[], instance = name): ChildProcess {
  const child = spawn(
    ...boundToParent('nsenter', [`--net=${netns}`, process.execPath, MAIN, ...argv, '--instance', instance]),
  );
  children.push(child);
  return child;
}

async function startAgent(...flags: readonly string[]): Promise<ChildProcess> {
  // No cgroup: pods of this machine's kubelet are none of these agents'.
  const own = ['--source', directory, '--hostname-override', 'n1', '--socket-lb-cgroup', directory];
  const child = inNamespace(['agent', ...own, ...flags]);
  await until(async () => {
    try {
      await ask('POST', '/sync');
      return true;
    } catch {
      return false;
    }
  });
  return child;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; !(await condition()); attempt++) {
    if (attempt === 2000) throw new Error('waited in vain');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) resolve(child.exitCode);
    else {
      child.once('exit', resolve);
      child.kill(signal);
    }
  });
}

async function run(argv: readonly string[], instance = name) {
  const child = inNamespace(argv, instance);
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => {
      said += chunk;
    });
  }
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, said };
}

const hasTable = async () =>
  (await nft.listTables()).some((table) => JSON.stringify(table).includes(`"${TABLE}"`));

describe('agent process on nft', () => {
  it('writes what the manifests say, follows edits and deletions, and writes nothing twice', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent();
    const first = await status();
    expect(first.counts).toMatchObject({ services: 1, slots: 2 });
    expect(first.dataplane?.sets.some(({ elements }) => elements > 0)).toBe(true);
    write('cart.yaml', service('cart', '10.96.0.81', '30008'));
    await ask('POST', '/sync');
    expect((await status()).counts.services).toBe(2);
    rmSync(join(directory, 'web.yaml'));
    await ask('POST', '/sync');
    expect((await status()).counts.services).toBe(1);
    await ask('POST', '/sync');
    expect((await status()).sync.lastReport).toMatchObject({ bytes: 0 });
  });

  it('[A65] [A22] remembers what a refused edit was before, through a kill and a stop', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    write('cart.yaml', service('cart', '10.96.0.81', '30008'));
    const first = await startAgent();
    write('cart.yaml', service('cart', '10.96.0.81', '30007'));
    await ask('POST', '/sync');
    const isRefused = async (): Promise<boolean> => {
      const { counts, problems } = await status();
      const kept = problems.filter(({ message }) => message.includes('stays as it was before'));
      return counts.services === 2 && kept.some(({ object }) => object.name === 'cart');
    };
    expect(await isRefused()).toBe(true);
    const file = allocationPath(name);
    await until(async () => existsSync(file));
    // What the agent refuses, plan refuses as well.
    const { said } = await run(['plan', '--manifests', directory]);
    expect(said).toMatch(/Service shop\/cart .*30007 .*stays as it was before/);
    expect(said).toContain('Nothing to change');
    await end(first, 'SIGKILL');
    const second = await startAgent();
    expect(await isRefused()).toBe(true);
    await end(second, 'SIGTERM');
    await startAgent();
    expect(await isRefused()).toBe(true);
    rmSync(join(directory, 'web.yaml'));
    await ask('POST', '/sync');
    expect((await status()).problems).toEqual([]);
  });

  it('[A29] [E24] gives load balancers addresses of its pools, and plan knows them', async () => {
    write('node.yaml', NODE);
    for (const balanced of ['web', 'cart']) {
      const text = service(balanced, balanced === 'web' ? '10.96.0.80' : '10.96.0.81', '30008');
      write(`${balanced}.yaml`, text.replace('NodePort', 'LoadBalancer').replace(', nodePort: 30008', ''));
    }
    await startAgent('--load-balancer-pools', '203.0.113.7/32');
    const { counts, problems } = await status();
    expect(counts).toMatchObject({ services: 2, addresses: 3 });
    expect(problems).toMatchObject([{ reason: 'LoadBalancerAddressesExhausted', object: { name: 'web' } }]);
    const { said } = await run(['plan', '--manifests', directory]);
    expect(said).toContain('Nothing to change');
  });

  it('[A59] tells its log once, and whoever asks, why nft serves sockets too', async () => {
    write('node.yaml', NODE);
    for (const [flags, told] of [
      [[], 1],
      [['--socket-lb=off'], 0],
    ] as const) {
      const agent = await startAgent(...flags);
      let log = '';
      agent.stderr?.on('data', (chunk) => {
        log += chunk;
      });
      const { why } = (await status()).backends.services;
      expect(why).toMatch(/^auto: nft serves sockets too, --socket-lb/);
      expect((await run(['status'])).said).toContain(`nft (${why})`);
      await end(agent, 'SIGTERM');
      await until(async () => /SIGTERM: stopping/.test(log));
      expect(log.split(JSON.stringify(why))).toHaveLength(told + 1);
    }
  });

  it('[H1] leaves the kernel as it is when it is stopped or killed, and writes only the difference afterwards', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    expect(await end(await startAgent(), 'SIGTERM')).toBe(0);
    expect(existsSync(controlSocketPath(name))).toBe(false);
    expect(await hasTable()).toBe(true);
    const before = await nft.generation();
    const killed = await startAgent();
    expect((await status()).sync.lastReport).toMatchObject({ bytes: 0 });
    await end(killed, 'SIGKILL');
    await startAgent();
    expect((await status()).sync.lastReport).toMatchObject({ bytes: 0 });
    expect(await nft.generation()).toBe(before);
  });

  it('[F6] restores within a second what another process flushed, and counts it', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent();
    const elements = (await status()).dataplane?.sets;
    await nft.runText('flush ruleset');
    await until(async () => (await status()).repairs > 0 && (await hasTable()));
    await ask('POST', '/sync');
    expect((await status()).dataplane?.sets).toEqual(elements);
  });

  it('[A22] reports a process that listens on a node port', async () => {
    const listener = spawn(
      ...boundToParent('nsenter', [
        `--net=${netns}`,
        process.execPath,
        '-e',
        `require('node:net').createServer().listen(30007, () => console.log('listening'))`,
      ]),
    );
    children.push(listener);
    await new Promise((resolve) => listener.stdout?.once('data', resolve));
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent();
    await until(async () => (await status()).problems.length > 0);
    expect((await status()).problems).toEqual([
      expect.objectContaining({
        reason: 'NodePortInUse',
        object: { kind: 'Service', namespace: 'shop', name: 'web' },
        message: expect.stringMatching(/30007\/TCP/),
      }),
    ]);
  });

  it('keeps the last good state of an object that becomes invalid, tells why, and applies the rest', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent();
    write('web.yaml', service('web', '10.96.0.80', 'eighty'));
    write('cart.yaml', service('cart', '10.96.0.81', '30008'));
    await ask('POST', '/sync');
    const { counts, problems } = await status();
    expect(counts.services).toBe(2);
    expect(problems).toEqual([expect.objectContaining({ field: 'spec.ports[0].nodePort' })]);
  });

  it('[A71] cleanup leaves nothing, refuses while the agent runs, and has nothing to do the second time', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    const agent = await startAgent();
    const refused = await run(['cleanup']);
    expect(refused).toMatchObject({
      code: 1,
      said: expect.stringMatching(/^weir: the agent of instance .* stop it first\n$/),
    });
    await end(agent, 'SIGKILL');
    const cleaned = await run(['cleanup']);
    expect(cleaned.code).toBe(0);
    expect(cleaned.said).toContain('removed nft table inet weir\n');
    expect(cleaned.said).toContain(`removed /run/weir/${name}\n`);
    expect(await nft.listTables()).toEqual([]);
    expect(existsSync(`/run/weir/${name}`)).toBe(false);
    const again = await run(['cleanup', '--json']);
    const { traces } = JSON.parse(again.said) as {
      readonly traces: readonly { readonly removed: boolean }[];
    };
    expect(traces.every(({ removed }) => !removed)).toBe(true);
  });

  it('[A71] shares its network namespace with no other instance, which may not clean up its table either', async () => {
    write('node.yaml', NODE);
    await startAgent();
    const refusal = {
      code: 1,
      said: expect.stringMatching(`^weir: the agent of instance ${name} .* stop it first\n$`),
    };
    const source = ['--source', directory, '--hostname-override', 'n1'];
    expect(await run(['agent', ...source], `${name}-other`)).toMatchObject(refusal);
    expect(await run(['cleanup'], `${name}-other`)).toMatchObject(refusal);
    expect(await hasTable()).toBe(true);
    expect(existsSync(`/run/weir/${name}-other`)).toBe(false);
    expect((await status()).repairs).toBe(0);
  });

  it('shows its state by weir status and what would change by weir plan', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent();
    const shown = await run(['status']);
    expect(shown.said).toMatch(/^health +ok$/m);
    expect(shown.code).toBe(0);
    expect((await run(['status', 'services'])).said).toMatch(
      /^shop\/web +TCP +10\.96\.0\.80:80 nodePort=\*:30007/m,
    );
    expect((await run(['plan', '--manifests', directory])).said).toContain('Nothing to change');
    write('cart.yaml', service('cart', '10.96.0.81', '30008'));
    const planned = JSON.parse(
      (await run(['plan', '--manifests', join(directory, 'node.yaml'), '--json'])).said,
    );
    expect(planned).toMatchObject({ planned: 'n1', against: 'agent', empty: false });
    expect(planned.services).toContainEqual(
      expect.objectContaining({ action: 'remove', row: 'shop/web:/TCP/IPv4' }),
    );
  });

  it('[A22] plans with the ranges of the running agent, whatever the defaults are', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.97.0.80', '80'));
    const ranges = ['--service-node-port-range', '80-32767', '--service-cluster-ip-range', '10.97.0.0/16'];
    await startAgent(...ranges);
    expect((await status()).problems).toEqual([]);
    const { said } = await run(['plan', '--manifests', directory]);
    expect(said).toMatch(/^Plan for node n1.*\nNothing to change/);
  });

  it('says that its node does not exist and what to do, and serves cluster IPs all the same', async () => {
    write('node.yaml', NODE);
    write('web.yaml', service('web', '10.96.0.80'));
    await startAgent('--hostname-override', 'n2');
    const { problems, counts } = await status();
    expect(problems).toEqual([
      expect.objectContaining({
        reason: 'NodeNotFound',
        object: { kind: 'Node', namespace: '', name: 'n2' },
        remedy: expect.stringContaining('--hostname-override'),
      }),
    ]);
    expect(counts).toMatchObject({ services: 1, slots: 1 });
  });
});
