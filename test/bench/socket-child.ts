/**
 * Serves sockets of a cgroup, with nft for what comes as a packet, in a process of its own inside the namespace of its node,
 * as in production. Talks to the benchmark over Node's channel.
 */
import { mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync } from 'node:fs';
import { createSocketBackend, type SocketBackend } from '../../src/dataplane/bpf/sockets/socket-backend.ts';
import { pinDirectory, requireBpfFileSystem } from '../../src/kernel/bpf-file-system.ts';
import { openCgroupLink } from '../../src/kernel/cgroup.ts';
import { nativeAddon } from '../../src/kernel/native.ts';
import type { Descriptor } from '../../src/kernel/native-bpf.ts';
import type { Address } from '../../src/model/address.ts';
import { answerParent } from './child-process.ts';
import { clusterChanges, lastingService } from './cluster-objects.ts';
import { NODE_ADDRESS } from './cluster-shape.ts';
import { type DataPath, openDataPath } from './data-path.ts';
import { type Counted, Request } from './socket-messages.ts';

interface Served {
  readonly path: DataPath;
  readonly sockets: SocketBackend;
  readonly directory: string;
  readonly cgroup: string;
}

interface Count {
  readonly timing: Descriptor;
  readonly before: Counted;
}

let served: Served | null = null;
let count: Count | null = null;

async function answer(request: Request): Promise<Counted | null> {
  switch (request.type) {
    case 'start':
      await start(request);
      return null;
    case 'beginCount':
      count = { timing: await nativeAddon().countProgramRuns(), before: await runsSoFar() };
      return null;
    case 'endCount':
      return endCount();
  }
}

async function start(request: Extract<Request, { type: 'start' }>): Promise<void> {
  const { shape, localPods, instance, cgroup } = request;
  const path = await openDataPath();
  await requireBpfFileSystem();
  mkdirSync(cgroup);
  const directory = pinDirectory(instance);
  const sockets = createSocketBackend({ directory, cgroup, nodeOnly: false });
  served = { path, sockets, directory, cgroup };
  await path.load([...clusterChanges(shape, localPods), ...lastingService(shape)]);
  await sockets.over(null).sync(path.rows(), ['127.0.0.1', '::1', NODE_ADDRESS] as Address[]);
}

async function endCount(): Promise<Counted> {
  if (count === null) throw new Error('endCount was asked for before beginCount');
  const { timing, before } = count;
  const after = await runsSoFar();
  nativeAddon().closeDescriptor(timing);
  return Object.fromEntries(
    Object.entries(after).map(([hook, { runs, nanoseconds }]) => [
      hook,
      {
        runs: runs - (before[hook]?.runs ?? 0),
        nanoseconds: nanoseconds - (before[hook]?.nanoseconds ?? 0),
      },
    ]),
  );
}

/** Of each program that is linked to the cgroup, since it was loaded. */
async function runsSoFar(): Promise<Counted> {
  const links = `${served?.directory}/sockets`;
  const programs = programsOfThisProcess();
  const counted: Counted = {};
  for (const hook of readdirSync(links)) {
    const link = await openCgroupLink(`${links}/${hook}`);
    const { program } = await nativeAddon().describeCgroupLink(link.descriptor);
    link.close();
    const runs = programs.get(program);
    if (runs !== undefined) counted[hook] = runs;
  }
  return counted;
}

/** What the kernel says of the programs that this process holds, by their ids. */
function programsOfThisProcess(): ReadonlyMap<number, Counted[string]> {
  const found = new Map<number, Counted[string]>();
  for (const descriptor of readdirSync('/proc/self/fdinfo')) {
    const text = fdinfo(descriptor);
    const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(text)?.[1]);
    if (/^run_cnt:/m.test(text))
      found.set(field('prog_id'), { runs: field('run_cnt'), nanoseconds: field('run_time_ns') });
  }
  return found;
}

/** Empty for the descriptor that lists them, which is closed by then. */
function fdinfo(descriptor: string): string {
  try {
    return readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8');
  } catch {
    return '';
  }
}

async function close(): Promise<void> {
  if (served === null) return;
  served.sockets.close();
  rmSync(served.directory, { recursive: true, force: true });
  rmdirSync(served.cgroup);
  await served.path.close();
}

answerParent((message) => answer(Request.parse(message)), close);
