/** A folder's cluster of which nothing is assigned yet: until every object is complete, then until there are rows. */
import { createNamespace, removeNamespaces } from '../namespaces.ts';
import type { Series } from '../report.ts';
import type { Scenario } from '../scenario.ts';
import type { Completed } from '../standalone-messages.ts';
import { standaloneSize, startStandalone } from '../standalone-process.ts';

export const STANDALONE_COMPLETE: Scenario = {
  name: 'standalone-complete',
  about: 'the control plane completes many Services × 10 pods: addresses, slices; then their rows',
  async run(context) {
    const size = standaloneSize(context.quick);
    const namespace = createNamespace('standalone');
    const rounds: Completed[] = [];
    try {
      for (let round = 1; round <= (context.rounds ?? 3); round++) {
        const process = startStandalone(namespace);
        const completed = await process.complete(size);
        await process.exit();
        rounds.push(completed);
        const [wall, memory] = [completed.completeMs, completed.peakRssMb].map(Math.round);
        context.progress(`round ${round}: ${wall} ms, ${memory} MB`);
      }
    } finally {
      removeNamespaces([namespace]);
    }
    const variant = `${size.services} Services × ${size.podsPerService} pods`;
    const common = { scenario: 'standalone-complete', variant, baseline: variant };
    const metrics = {
      'objects to complete objects': ['ms', (each: Completed) => each.completeMs],
      'the same, time of the processor': ['ms', (each: Completed) => each.completeCpuMs],
      'complete objects to rows': ['ms', (each: Completed) => each.compileMs],
      'peak memory': ['MB', (each: Completed) => each.peakRssMb],
    } as const;
    return Object.entries(metrics).map(
      ([metric, [unit, read]]): Series => ({ ...common, metric, unit, values: rounds.map(read) }),
    );
  },
};
