/** Flows held from inside a lab's pod while a test does something to the lab. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { FlowReport } from './flow-process.ts';
import type { LabCluster } from './lab-cluster.ts';

export interface HeldFlows {
  /** Ends the flows and tells what happened to them. */
  end(): Promise<FlowReport>;
}

interface FlowOptions {
  readonly address: string;
  readonly port: number;
  readonly tcp?: number;
  readonly udp?: number;
  /** New connections per second. */
  readonly rate?: number;
  /** Local port of the first TCP flow. */
  readonly sourcePort?: number;
}

/** Opens the flows from `who` and resolves once all of them were answered. */
export async function holdFlows(
  lab: Pick<LabCluster, 'netns'> & Partial<Pick<LabCluster, 'cgroup'>>,
  who: string,
  options: FlowOptions,
): Promise<HeldFlows> {
  const order = JSON.stringify({ tcp: 0, udp: 0, rate: 0, sourcePort: 0, ...options });
  const script = fileURLToPath(new URL('./flow-process.ts', import.meta.url));
  const join = lab.cgroup === undefined ? ':' : `echo $$ > ${lab.cgroup(who)}/cgroup.procs`;
  const enter = `${join} && exec nsenter --net=${lab.netns(who)} "$@"`;
  const child = spawn('sh', ['-c', enter, 'sh', process.execPath, script, order], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.value !== 'ready') throw new Error(`flows from ${who} did not start: ${String(first.value)}`);
  return { end: () => finish(child, lines) };
}

async function finish(child: ChildProcess, lines: AsyncIterator<string>): Promise<FlowReport> {
  child.kill('SIGTERM');
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('flows ended without a report');
    if (value !== 'ready') return JSON.parse(value) as FlowReport;
  }
}
