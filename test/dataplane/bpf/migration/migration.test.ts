import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { MapUpgrade } from '../../../../src/dataplane/bpf/migration/takeover.ts';
import { type Flow, type FlowKey, TABLES } from '../../../../src/generated/policy.ts';
import { openTable, type Table } from '../../../../src/kernel/bpf-table.ts';
import { nativeAddon } from '../../../../src/kernel/native.ts';
import { boundToParent } from '../../../bound-command.ts';
import { type BpfFileSystem, mountBpfFileSystem } from '../../../bpf-file-system.ts';
import { createVethPods, type VethPods } from '../../../packet/veth-pods.ts';
import type { BuildOrders, BuildReport } from './build-process.ts';
import { createOtherBuild, OTHER_LAYOUT, type OtherBuild, THIS_BUILD } from './other-build.ts';
import type { TalkFigures } from './talk.ts';

const PREFIX = `weir-mig-${process.pid}`;
const LONG_MS = 600_000;

let other: OtherBuild;
beforeAll(() => {
  other = createOtherBuild(OTHER_LAYOUT);
}, LONG_MS);
afterAll(() => other?.remove());

const children: ChildProcess[] = [];
let pods: VethPods;
let pins: BpfFileSystem;
let talkers: { readonly client: ChildProcess; readonly server: ChildProcess };

/** A process with a channel to this one, in the network namespace of a pod if one is named. */
function child(file: string, args: readonly string[], space?: string): ChildProcess {
  const node = [process.execPath, fileURLToPath(new URL(file, import.meta.url)), ...args];
  const command = space === undefined ? node : ['nsenter', `--net=/run/netns/${PREFIX}-${space}`, ...node];
  const started = spawn(...boundToParent(command[0] ?? '', command.slice(1)), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  children.push(started);
  return started;
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode === null && process.signalCode === null) await once(process, 'exit');
}

/** The build takes over; resolves when its rows are in, with null where it died before, as it was told to. */
async function takeOver(
  build: string,
  diesAfter: number | null = null,
  opensOnly = false,
): Promise<BuildReport | null> {
  const agent = child('build-process.ts', []);
  const orders: BuildOrders = {
    build,
    directory: `${pins.path}/pins`,
    networkNamespace: `/run/netns/${PREFIX}-node`,
    interfaces: [pods.server.attached, pods.client.attached],
    diesAfter,
    opensOnly,
  };
  agent.send(orders);
  const report = await Promise.race([
    once(agent, 'message').then(([message]) => message as BuildReport),
    once(agent, 'exit').then(() => null),
  ]);
  agent.kill('SIGKILL');
  await ended(agent);
  if (report === null && diesAfter === null) throw new Error('the build could not take over');
  return report;
}

async function figuresOf(talker: ChildProcess): Promise<TalkFigures> {
  talker.send('figures');
  const [figures] = await once(talker, 'message');
  return figures as TalkFigures;
}

/** Waits until every conversation went on, and returns what must not have happened. */
async function goesOn(): Promise<readonly string[]> {
  const [client, server] = [await figuresOf(talkers.client), await figuresOf(talkers.server)];
  const moved = (before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>) =>
    Object.entries(before).every(([peer, count]) => (after[peer] ?? 0) > count + 3);
  await expect
    .poll(
      async () => {
        const [later, then] = [await figuresOf(talkers.client), await figuresOf(talkers.server)];
        return { tcp: moved(client.echoes, later.echoes), udp: moved(server.answers, then.answers) };
      },
      { timeout: 60_000, interval: 50 },
    )
    .toEqual({ tcp: true, udp: true });
  const { forbidden, failures } = await figuresOf(talkers.server);
  const broken = [...failures, ...(await figuresOf(talkers.client)).failures];
  return forbidden === 0 ? broken : [...broken, `${forbidden} forbidden packets`];
}

function remaining(): readonly string[] {
  return readdirSync(`${pins.path}/pins`).sort();
}

/** More packets than any flow has in a test. */
const MANY = 1_000_000;

/** Works on the table of flows as this build's programs have it pinned. */
async function withFlows<Result>(work: (flows: Table<FlowKey, Flow>) => Promise<Result>): Promise<Result> {
  const map = await nativeAddon().openPinned(`${pins.path}/pins/maps/flows`);
  try {
    return await work(openTable(map, TABLES.flows));
  } finally {
    nativeAddon().closeDescriptor(map);
  }
}

/** Has each flow say that it had many packets; returns how many flows there are. */
const markFlows = () =>
  withFlows(async (flows) => {
    const all = await flows.entries();
    await flows.set(all.map(([key, flow]) => [key, { ...flow, packets: [MANY, MANY] }] as const));
    return all.length;
  });

const countMarkedFlows = () =>
  withFlows(async (flows) => (await flows.entries()).filter(([, flow]) => flow.packets[0] >= MANY).length);

/** Two pods behind the programs of this build, in conversation. */
async function begin(): Promise<BuildReport | null> {
  pods = createVethPods(PREFIX);
  // As on every node with Services: connections are tracked.
  const tracking = 'table inet t { chain c { type filter hook forward priority 0; ct state new accept; }; }';
  execFileSync('nsenter', [`--net=/run/netns/${PREFIX}-node`, 'nft', '-f', '-'], { input: tracking });
  pins = mountBpfFileSystem();
  const report = await takeOver(THIS_BUILD);
  const addresses = { client: pods.client.addresses, server: pods.server.addresses };
  const server = child('talk-process.ts', ['server', ...addresses.client], 'server');
  // It listens when it answers.
  await figuresOf(server);
  talkers = { server, client: child('talk-process.ts', ['client', ...addresses.server], 'client') };
  return report;
}

afterEach(async () => {
  for (const each of children.splice(0)) {
    each.kill('SIGKILL');
    await ended(each);
  }
  pods?.remove();
  pins?.remove();
});

describe('maps of another layout', { timeout: LONG_MS }, () => {
  it('[H3, H4] are taken over with every open flow, by the next build and by the one before', async () => {
    expect((await begin())?.upgrade).toBeNull();
    expect(await goesOn()).toEqual([]);
    const marked = await markFlows();
    expect(marked).toBeGreaterThan(3);
    for (const build of [other.path, THIS_BUILD]) {
      const upgrade = (await takeOver(build))?.upgrade as MapUpgrade;
      expect(await goesOn()).toEqual([]);
      expect(upgrade.changed).toEqual(['subjects', 'peer_prefixes', 'affinities', 'flows', 'events']);
      expect(upgrade.complete).toBe(true);
      expect(upgrade.carried).toBeGreaterThanOrEqual(marked);
      expect(remaining()).toEqual(['links', 'maps']);
    }
    expect(await countMarkedFlows()).toBe(marked);
    expect((await takeOver(THIS_BUILD))?.upgrade).toBeNull();
    expect(await goesOn()).toEqual([]);
  });

  it('[H4] are those of both of a pod’s programs, once a process was killed between, before any rows are in', async () => {
    await begin();
    const { steps = [] } = (await takeOver(other.path)) ?? {};
    await takeOver(THIS_BUILD);
    await takeOver(other.path, steps.indexOf('link') + 1);
    const opened = await takeOver(THIS_BUILD, null, true);
    expect(opened?.steps.filter((what) => what === 'link')).toHaveLength(4);
    expect(await goesOn()).toEqual([]);
    expect((await takeOver(THIS_BUILD))?.upgrade).toMatchObject({ complete: true });
    expect(remaining()).toEqual(['links', 'maps']);
  });

  it('[H2, H4] are taken over by whoever comes next when a process is killed after any step', async () => {
    await begin();
    expect(await goesOn()).toEqual([]);
    const steps = (await takeOver(other.path))?.steps ?? [];
    await takeOver(THIS_BUILD);
    const marked = await markFlows();
    let current = THIS_BUILD;
    for (const step of tellingSteps(steps)) {
      const target = current === THIS_BUILD ? other.path : THIS_BUILD;
      await takeOver(target, step);
      current = step % 2 === 0 ? target : current;
      await takeOver(current);
      const place = `killed after step ${step}, ${steps[step - 1]}`;
      expect(await goesOn(), place).toEqual([]);
      expect(remaining(), place).toEqual(['links', 'maps']);
    }
    await takeOver(THIS_BUILD);
    expect(await countMarkedFlows()).toBe(marked);
  });
});

/** Numbers of the steps, from 1; of many equal ones in a row the first and the last. */
function tellingSteps(steps: readonly string[]): readonly number[] {
  return steps.flatMap((what, index) =>
    what === steps[index - 1] && what === steps[index + 1] && what !== 'link' ? [] : [index + 1],
  );
}
