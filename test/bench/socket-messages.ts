/** What the benchmark and the child processes that serve sockets of a node tell each other. */
import { z } from 'zod';

const Shape = z.object({
  services: z.number(),
  endpoints: z.number(),
  target: z.object({ address: z.string(), port: z.number() }).nullable(),
});

export const Request = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    shape: Shape,
    localPods: z.array(z.string()),
    instance: z.string(),
    cgroup: z.string(),
  }),
  z.object({ type: z.literal('beginCount') }),
  z.object({ type: z.literal('endCount') }),
]);

/**
 * Parent to child: serve the sockets of a cgroup, which is made for that, beside nft; have the kernel time the programs on
 * them from now on, and tell what they took since.
 */
export type Request = z.infer<typeof Request>;

/** Answer to `endCount`: by hook, how often its program ran, and for how long in all. */
export const Counted = z.record(z.string(), z.object({ runs: z.number(), nanoseconds: z.number() }));
export type Counted = z.infer<typeof Counted>;
