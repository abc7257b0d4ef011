/** What the benchmark and the process that holds a standalone cluster tell each other; milliseconds and megabytes. */
import { z } from 'zod';

const Size = z.object({ services: z.number(), podsPerService: z.number() });
export type StandaloneSize = z.infer<typeof Size>;

/** Complete a cluster of which nothing is assigned yet; then make `count` pods unready or ready, one after the other. */
export const Request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('complete'), size: Size }),
  z.object({ type: z.literal('readiness'), count: z.number() }),
]);
export type Request = z.infer<typeof Request>;

/**
 * Answer to `complete`: until all objects are complete (by the clock, and of that the processor's time of the main
 * thread, which a busy machine disturbs less), and from there until their rows are compiled.
 */
export const Completed = z.object({
  completeMs: z.number(),
  completeCpuMs: z.number(),
  compileMs: z.number(),
  peakRssMb: z.number(),
});
export type Completed = z.infer<typeof Completed>;

/** Answer to `readiness`: from the changed pod to the change of rows, for each. */
export const Changed = z.object({ latenciesMs: z.array(z.number()) });
export type Changed = z.infer<typeof Changed>;
