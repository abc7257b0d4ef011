/**
 * A process of its own for each cluster, inside the namespace of its node: its memory is the agent's alone, and what
 * one size leaves on the heap does not slow another. Talks to the benchmark over Node's channel.
 */
import { answerParent } from './child-process.ts';
import { clusterChanges, sliceObject } from './cluster-objects.ts';
import type { ClusterShape } from './cluster-shape.ts';
import { type DataPath, openDataPath } from './data-path.ts';
import { type Changed, type Loaded, type Pace, Request } from './data-path-messages.ts';
import { peakRssMb } from './memory.ts';

let path: DataPath | null = null;
let loaded: ClusterShape | null = null;
let changes = 0;

async function answer(request: Request): Promise<Loaded | Changed> {
  switch (request.type) {
    case 'load': {
      const objects = clusterChanges(request.shape, request.localPods);
      const start = performance.now();
      path = await openDataPath();
      await path.load(objects);
      loaded = request.shape;
      return { wallMs: performance.now() - start, peakRssMb: peakRssMb('self') };
    }
    case 'change':
      return { latenciesMs: await changeEndpoints(request.count, request.pace) };
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

answerParent(
  (message) => answer(Request.parse(message)),
  async () => path?.close(),
);
