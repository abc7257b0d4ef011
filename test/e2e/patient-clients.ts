/** TCP clients inside a lab's namespace that wait as long as applications do, where a probe would have given up. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { LabCluster } from './lab-cluster.ts';

const run = promisify(execFile);

interface Crowd {
  readonly address: string;
  readonly port: number;
  readonly count: number;
  readonly patienceMs: number;
}

/** Runs in the namespace. */
function connectAll({ address, port, count, patienceMs }: Crowd) {
  const { connect } = require('node:net') as typeof import('node:net');
  const connectOnce = () =>
    new Promise<string | null>((resolve) => {
      const socket = connect(port, address);
      const end = (pod: string | null) => {
        socket.destroy();
        resolve(pod);
      };
      socket.on('error', () => end(null));
      socket.setTimeout(patienceMs, () => end(null));
      socket.once('data', (data) => end((JSON.parse(data.toString()) as { pod: string }).pod));
    });
  void Promise.all(Array.from({ length: count }, connectOnce)).then((answers) =>
    console.log(JSON.stringify(answers)),
  );
}

/** Who answers `count` connections that are opened at once: names of pods, null where nobody did in time. */
export async function answering(
  lab: Pick<LabCluster, 'netns'>,
  who: string,
  target: Omit<Crowd, 'patienceMs'>,
  patienceMs = 8000,
): Promise<readonly (string | null)[]> {
  const script = `(${connectAll.toString()})(${JSON.stringify({ ...target, patienceMs })})`;
  const { stdout } = await run('nsenter', [`--net=${lab.netns(who)}`, process.execPath, '-e', script]);
  return JSON.parse(stdout) as readonly (string | null)[];
}
