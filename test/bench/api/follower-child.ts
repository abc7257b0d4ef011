/** Follows an API server as an agent does, and notes when what arrived. */
import { pino } from 'pino';
import { systemClock } from '../../../src/agent/clock.ts';
import { type Core, createCore } from '../../../src/agent/core.ts';
import { completedElsewhere, createPipeline } from '../../../src/agent/pipeline.ts';
import { createServiceCompiler } from '../../../src/compile/services/compiler.ts';
import { openNftDataplane } from '../../../src/dataplane/nft/dataplane.ts';
import type { Source, SourceBatch } from '../../../src/model/source.ts';
import { kubernetesSource } from '../../../src/source/kubernetes.ts';
import { createWorld } from '../../../src/world/world.ts';
import { answerParent } from '../child-process.ts';
import { COMPILE_OPTIONS } from '../cluster-objects.ts';
import { peakRssMb } from '../memory.ts';
import {
  type Arrivals,
  type Cost,
  FollowerRequest,
  machineMs,
  type ServerAccess,
  type Started,
  type Whole,
} from './messages.ts';
import { changeNumber } from './objects.ts';

const log = pino({ level: 'warn' }, pino.destination(2));
/** Patience for what a broken follower would never see. */
const LONGEST_WAIT_MS = 120_000;
const POLL_MS = 5;

/** By the number of the change. */
const arrivedAtMs = new Map<number, number>();
let source: Source | null = null;
let core: Core | null = null;
let meter = startMeter();

async function answer(message: FollowerRequest): Promise<Started | Arrivals | Whole | Cost> {
  switch (message.type) {
    case 'start':
      return await start(message);
    case 'arrivals':
      return { arrivedAtMs: await arrivals(message.first, message.count) };
    case 'whole':
      await until('every kind is followed', () => source?.state().synced === true);
      return { wholeAtMs: machineMs() };
    case 'cost': {
      const cost = meter();
      meter = startMeter();
      return cost;
    }
  }
}

async function start({
  server,
  access,
  into,
}: Extract<FollowerRequest, { type: 'start' }>): Promise<Started> {
  meter = startMeter();
  const take = into === 'kernel' ? takeIntoKernel() : takeNothing;
  let objects = 0;
  source = kubernetesSource({
    ...accessOf(server, access),
    context: null,
    node: COMPILE_OPTIONS.node,
    clock: systemClock,
    log,
  });
  await source.start((batch) => {
    objects += batch.changes.length;
    take(batch);
  });
  // Once synced, all of it is in the kernel.
  await core?.loop.flush();
  return { ...meter(), objects };
}

function accessOf(server: ServerAccess, access: 'in-cluster' | 'kubeconfig') {
  if (access === 'kubeconfig') return { kubeconfig: server.kubeconfig, environment: {} };
  const environment = {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String(server.port),
  };
  return { kubeconfig: null, environment, serviceAccountFolder: server.accountFolder };
}

function takeNothing(batch: SourceBatch): void {
  const nowMs = machineMs();
  for (const change of batch.changes) {
    const number = change.type === 'set' ? changeNumber(change.object.annotations) : null;
    if (number !== null) arrivedAtMs.set(number, nowMs);
  }
}

/** What an agent does with a batch, with its pace and its repairs, but without its servers and sockets. */
function takeIntoKernel(): (batch: SourceBatch) => void {
  const compiler = createServiceCompiler(COMPILE_OPTIONS);
  const pipeline = createPipeline({ controlPlane: completedElsewhere, world: createWorld(), compiler });
  const made = createCore({
    pipeline,
    servesServices: true,
    openDataplane: () => openNftDataplane({ log, nodePortRange: COMPILE_OPTIONS.nodePortRange }),
    clock: systemClock,
    log,
    minSyncPeriodMs: 0,
    syncPeriodMs: 30_000,
    healthy: () => true,
    listeningSockets: async () => [],
    onSynced({ triggeredAtMs }) {
      const nowMs = machineMs();
      for (const number of triggeredAtMs) arrivedAtMs.set(number, nowMs);
    },
  });
  core = made;
  return (batch) => made.accept(batch);
}

async function arrivals(first: number, count: number): Promise<number[]> {
  const numbers = Array.from({ length: count }, (_, index) => first + index);
  const last = first + count - 1;
  await until(`change ${last} is there`, () => arrivedAtMs.has(last));
  await until('all before it are, too', () => numbers.every((number) => arrivedAtMs.has(number)));
  return numbers.map((number) => arrivedAtMs.get(number) ?? Number.NaN);
}

async function until(what: string, condition: () => boolean): Promise<void> {
  const end = machineMs() + LONGEST_WAIT_MS;
  while (!condition()) {
    if (machineMs() > end) throw new Error(`waited in vain until ${what}: ${source?.state().reason}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** From now until the result is called. */
function startMeter(): () => Cost {
  const [startMs, cpu] = [performance.now(), process.cpuUsage()];
  const [wallMs, cpuMs] = [longestStall(() => performance.now()), longestStall(threadCpuMs)];
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return {
      wallMs: performance.now() - startMs,
      cpuMs: (user + system) / 1000,
      peakRssMb: peakRssMb('self'),
      stallMs: wallMs(),
      stallCpuMs: cpuMs(),
    };
  };
}

/** How much a clock moved at most while nothing else of the event loop could run, until the result is called. */
function longestStall(clockMs: () => number): () => number {
  let last = clockMs();
  let longest = 0;
  const look = (): void => {
    const now = clockMs();
    longest = Math.max(longest, now - last);
    last = now;
  };
  const timer = setInterval(look, 1);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
}

function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

answerParent(
  (message) => answer(FollowerRequest.parse(message)),
  async () => {
    await source?.stop();
    await core?.stop();
  },
);
