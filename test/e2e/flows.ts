/** Flows held from inside a lab's pod while a test does something to the lab. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { boundToParent } from '../bound-command.ts';
import type { FlowReport } from './flow-process.ts';
import type { LabCluster } from './lab-cluster.ts';

export interface HeldFlows {
  /** Resolves when all of them together have heard so many more answers. */
  answered(count: number): Promise<void>;
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
  const child = spawn(...boundToParent('sh', ['-c', enter, 'sh', process.execPath, script, order]), {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const expectLine = async (line: string) => {
    const { value } = await lines.next();
    if (value !== line) throw new Error(`flows from ${who} are not ${line}: ${String(value)}`);
  };
  await expectLine('ready');
  return {
    async answered(count) {
      child.stdin.write(`${count}\n`);
      await expectLine('answered');
    },
    async end() {
      child.kill('SIGTERM');
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`flows from ${who} ended without a report`);
      return JSON.parse(value) as FlowReport;
    },
  };
}
