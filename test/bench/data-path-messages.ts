/** What the benchmark and the child processes that hold a cluster tell each other; numbers are milliseconds and megabytes. */
import { z } from 'zod';

const Shape = z.object({
  services: z.number(),
  endpoints: z.number(),
  target: z.object({ address: z.string(), port: z.number() }).nullable(),
});

export const Request = z.discriminatedUnion('type', [
  z.object({ type: z.literal('load'), shape: Shape, localPods: z.array(z.string()) }),
  z.object({ type: z.literal('change'), count: z.number(), pace: z.enum(['settled', 'back to back']) }),
]);

/**
 * Parent to child: load a cluster, or take one endpoint out and put it back `count` times in all. `settled`: each change
 * comes when all that followed the one before is done; `back to back`: as soon as that one is in the kernel.
 */
export type Request = z.infer<typeof Request>;

/** How soon changes follow each other. */
export type Pace = Extract<Request, { type: 'change' }>['pace'];

/** Answer to `load`. */
export const Loaded = z.object({ wallMs: z.number(), peakRssMb: z.number() });
export type Loaded = z.infer<typeof Loaded>;

/** Answer to `change`. */
export const Changed = z.object({ latenciesMs: z.array(z.number()) });
export type Changed = z.infer<typeof Changed>;
