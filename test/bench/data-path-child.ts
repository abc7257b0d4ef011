/**
 * A process of its own for each cluster, inside the namespace of its node: its memory is the agent's alone, and what
 * one size leaves on the heap does not slow another. Talks to the benchmark over Node's channel.
 */

import { clusterChanges, sliceObject } from './cluster-objects.ts';
import type { ClusterShape } from './cluster-shape.ts';
import { type DataPath, openDataPath } from './data-path.ts';
import { type Answer, type Pace, Request } from './data-path-messages.ts';
import { peakRssMb } from './memory.ts';

let path: DataPath | null = null;
let loaded: ClusterShape | null = null;
let changes = 0;

async function answer(request: Request): Promise<Answer | null> {
  switch (request.type) {
    case 'load': {
      const objects = clusterChanges(request.shape, request.localPods);
      const start = performance.now();
      path = await openDataPath();
      await path.load(objects);
      loaded = request.shape;
      return { type: 'loaded', wallMs: performance.now() - start, peakRssMb: peakRssMb('self') };
    }
    case 'change':
      return { type: 'changed', latenciesMs: await changeEndpoints(request.count, request.pace) };
    case 'exit':
      await path?.close();
      process.disconnect();
      return null;
  }
}

/**
 * Milliseconds of each change, from object to kernel. Changes go through the Services in long strides, two for each: its
 * endpoint goes, then comes back.
 */
async function changeEndpoints(count: number, pace: Pace): Promise<number[]> {
  if (path === null || loaded === null) throw new Error('change was asked for before load');
  const latencies: number[] = [];
  for (let done = 0; done < count; done++, changes++) {
    const service = ((changes >> 1) * 7919) % loaded.services;
    const object = sliceObject(loaded, service, changes % 2 === 0 ? 1 : 0);
    const start = performance.now();
    await path.change({ type: 'set', object });
    latencies.push(performance.now() - start);
    if (pace === 'settled') await path.settled();
  }
  return latencies;
}

process.on('message', (message) => {
  answer(Request.parse(message)).then(
    (reply) => reply !== null && process.send?.(reply),
    (error: unknown) => {
      const failed: Answer = {
        type: 'failed',
        message: error instanceof Error ? (error.stack ?? error.message) : String(error),
      };
      process.send?.(failed);
    },
  );
});
// The benchmark may be killed; its children then end by themselves.
process.on('disconnect', () => process.exit());
