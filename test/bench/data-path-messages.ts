/** What the benchmark and its child processes tell each other; numbers are milliseconds and megabytes. */
import { z } from 'zod';

const Shape = z.object({
  services: z.number(),
  endpoints: z.number(),
  target: z.object({ address: z.string(), port: z.number() }).nullable(),
});

export const Request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('load'), shape: Shape, localPods: z.array(z.string()) }),
  z.object({ type: z.literal('change'), count: z.number(), pace: z.enum(['settled', 'back to back']) }),
  z.object({ type: z.literal('exit') }),
]);

/**
 * Parent to child: load a cluster, or take one endpoint out and put it back `count` times in all. `settled`: each change
 * comes when all that followed the one before is done; `back to back`: as soon as that one is in the kernel.
 */
export type Request = z.infer<typeof Request>;

export const Answer = z.discriminatedUnion('type', [
  z.object({ type: z.literal('loaded'), wallMs: z.number(), peakRssMb: z.number() }),
  z.object({ type: z.literal('changed'), latenciesMs: z.array(z.number()) }),
  z.object({ type: z.literal('failed'), message: z.string() }),
]);

/** How soon changes follow each other. */
export type Pace = Extract<Request, { type: 'change' }>['pace'];

/** Child to parent: one for each request but `exit`. */
export type Answer = z.infer<typeof Answer>;
