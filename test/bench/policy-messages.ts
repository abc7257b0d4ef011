/** What the benchmark and the child processes that are a node's agent tell each other; times are milliseconds. */
import { z } from 'zod';

const Enforcement = z.enum(['off', 'bpf', 'direct', 'nft']);

/** Who enforces policies; `off`: nobody; `direct`: programs, and packets go past the node's stack. */
export type Enforcement = z.infer<typeof Enforcement>;

const Cluster = z.discriminatedUnion('of', [
  /** A client and a server that so many policies select: see policy-pair.ts. */
  z.object({ of: z.literal('pair'), policies: z.number() }),
  /** See policy-shape.ts. */
  z.object({
    of: z.literal('shape'),
    shape: z.object({ pods: z.number(), policies: z.number(), nodes: z.number() }),
  }),
]);
export type Cluster = z.infer<typeof Cluster>;

export const Request = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    enforcement: Enforcement,
    cluster: Cluster,
    instance: z.string(),
    folder: z.string(),
  }),
  z.object({ type: z.literal('change'), count: z.number(), apartMs: z.number() }),
]);

/** Parent to child: be the agent of a node with these objects, or edit one policy after the other, so far apart. */
export type Request = z.infer<typeof Request>;

/** Answer to `change`. */
export const Changed = z.object({ latenciesMs: z.array(z.number()) });
export type Changed = z.infer<typeof Changed>;
