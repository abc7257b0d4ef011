/**
 * A million sockets that come and go in every way: connections that are answered, aborted, refused, given up, inherited, and
 * datagrams. The run fails if any of them leaves an entry in a table.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { type Churn, prepareChurn } from '../../dataplane/bpf/sockets/churn.ts';
import { createSocketScene } from '../../dataplane/bpf/sockets/scene.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';

/** Until the kernel has let go of what was closed last. */
const PATIENCE_MS = 30_000;

export const SOCKET_LEAK: Scenario = {
  name: 'socket-leak',
  about: 'a million sockets that come and go in every way; fails if they leave an entry in any table',
  async run({ quick, progress }) {
    const cycles = quick ? 20_000 : 1_000_000;
    const scene = await createSocketScene();
    try {
      const programs = await scene.open();
      await programs.attach();
      const churn = await prepareChurn(scene);
      try {
        // What is there once for a backend or a client is no leak.
        const { sockets = 0 } = await churn.remains();
        await churn.run(1_000);
        const before = { ...(await churn.remains()), sockets };
        const memory = unreclaimableBytes();
        progress(`${cycles} sockets`);
        const start = performance.now();
        await churn.run(cycles);
        const seconds = (performance.now() - start) / 1_000;
        await requireSame(churn, before);
        return [
          figure('rate', '1/s', cycles / seconds),
          figure(
            'kernel memory more than before',
            'bytes a socket',
            (unreclaimableBytes() - memory) / cycles,
          ),
        ];
      } finally {
        churn.end();
        programs.close();
      }
    } finally {
      await scene.remove();
    }
  },
};

/** @throws Error with the counts of both times */
async function requireSame(churn: Churn, before: Readonly<Record<string, number>>): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  let after = await churn.remains();
  while (!isDeepStrictEqual(after, before) && performance.now() < end) {
    await sleep(100);
    after = await churn.remains();
  }
  if (!isDeepStrictEqual(after, before))
    throw new Error(`sockets left entries: ${JSON.stringify(before)} became ${JSON.stringify(after)}`);
}

/** Of the whole machine: others have their part in it. */
function unreclaimableBytes(): number {
  return 1024 * Number(/^SUnreclaim:\s*(\d+)/m.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]);
}

function figure(metric: string, unit: string, value: number): Series {
  return { scenario: 'socket-leak', variant: 'sockets', baseline: 'sockets', metric, unit, values: [value] };
}
