/** `weir start`: an example cluster with live traffic, in one command. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defaultCompileOptions } from '../agent/configuration.ts';
import { traceManifests } from '../explain/trace.ts';
import type { TraceLine } from '../explain/trace-line.ts';
import type { NodeName } from '../model/names.ts';
import { CommandFailure, requireRoot } from './exit.ts';
import { watchFolder } from './manifest-folder.ts';
import { printJson, progress } from './output.ts';
import { bringUp, type StartCluster } from './start-cluster.ts';
import { createJudge, type Judge } from './start-expectation.ts';
import { type StartRequest, startRequests } from './start-requests.ts';
import { createStartTable, type StartTable } from './start-table.ts';
import { createScreen } from './start-view.ts';

export interface StartFlags {
  readonly manifests?: string;
  readonly name: string;
  readonly once?: true;
  readonly json?: true;
}

/** Rounds behind the one table of `--once`: enough to meet several endpoints of a Service. */
const ROUNDS_OF_ONCE = 5;
const PAUSE_MS = 1000;

/** What is asked and expected as long as the objects stay the same. */
interface Campaign {
  readonly requests: readonly StartRequest[];
  readonly expected: readonly TraceLine[];
  readonly judge: Judge;
  readonly table: StartTable;
}

/** Runs until Ctrl-C (or one table, with --once), then takes the lab down. Exit code 1 when an answer of --once is wrong. */
export async function start(flags: StartFlags): Promise<void> {
  requireRoot('start makes a lab of network namespaces');
  const folder = flags.manifests ?? fileURLToPath(new URL('../../examples/shop', import.meta.url));
  if (!existsSync(folder)) {
    throw new CommandFailure(`--manifests ${folder}: no such folder; name a folder of manifests`, {
      exitCode: 1,
    });
  }
  const stop = stopRequest();
  let cluster: StartCluster;
  try {
    cluster = await bringUp(flags.name, folder);
  } catch (error) {
    // Ctrl-C ends the programs that make the lab; what they had made is gone again.
    if (stop.requested) {
      progress('the machine is as it was');
      return;
    }
    throw error;
  }
  try {
    if (flags.once) await once(cluster, folder, flags);
    else await live(cluster, folder, flags, stop);
  } finally {
    progress('taking the lab down');
    await cluster.down();
    progress('the machine is as it was');
  }
}

async function once(cluster: StartCluster, folder: string, flags: StartFlags): Promise<void> {
  const campaign = plan(cluster);
  for (let round = 0; round < ROUNDS_OF_ONCE; round++) await ask(cluster, campaign);
  show(cluster, folder, flags, campaign, ROUNDS_OF_ONCE);
  if (campaign.table.rows().some((row) => row.wrong.length > 0)) process.exitCode = 1;
}

async function live(
  cluster: StartCluster,
  folder: string,
  flags: StartFlags,
  stop: StopRequest,
): Promise<void> {
  let campaign = plan(cluster);
  let isChanged = false;
  let wake = (): void => {};
  const endWatch = watchFolder(folder, () => {
    isChanged = true;
    wake();
  });
  stop.onRequest(() => wake());
  const screen = createScreen(process.stdout);
  for (let round = 1; !stop.requested; round++) {
    if (isChanged) {
      isChanged = false;
      await cluster.follow();
      campaign = plan(cluster);
    }
    await ask(cluster, campaign);
    if (stop.requested) break;
    show(cluster, folder, flags, campaign, round, screen);
    await new Promise<void>((resolve) => {
      wake = resolve;
      setTimeout(resolve, isChanged || stop.requested ? 0 : PAUSE_MS);
    });
  }
  endWatch();
}

function plan(cluster: StartCluster): Campaign {
  const objects = cluster.objects();
  const requests = startRequests(objects);
  const compile = { ...defaultCompileOptions('' as NodeName), masqueradePods: true };
  const asked = requests.map(({ request }) => request);
  const expected = traceManifests({ objects, requests: asked, options: { compile, node: null } });
  return { requests, expected, judge: createJudge(objects), table: createStartTable(requests) };
}

async function ask(cluster: StartCluster, campaign: Campaign): Promise<void> {
  const lines = await cluster.probe(campaign.requests.map(({ request }) => request));
  const wrong = lines.map((line, place) => campaign.judge(line, campaign.expected[place]));
  campaign.table.add(lines, wrong);
}

function show(
  cluster: StartCluster,
  folder: string,
  flags: StartFlags,
  campaign: Campaign,
  round: number,
  screen = createScreen(process.stdout),
): void {
  const rows = campaign.table.rows();
  if (flags.json) printJson({ round, rows, notes: cluster.notes() });
  else screen.draw({ rows, round, folder, isLive: !flags.once, notes: cluster.notes() });
}

interface StopRequest {
  readonly requested: boolean;
  onRequest(callback: () => void): void;
}

/** Ctrl-C asks once; what runs is ended in order, and a second Ctrl-C only says so. */
function stopRequest(): StopRequest {
  const state = { requested: false, callbacks: [] as (() => void)[] };
  const onSignal = (): void => {
    progress(state.requested ? 'still taking the lab down' : 'stopping');
    state.requested = true;
    for (const callback of state.callbacks.splice(0)) callback();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return {
    get requested() {
      return state.requested;
    },
    onRequest(callback) {
      state.callbacks.push(callback);
    },
  };
}
