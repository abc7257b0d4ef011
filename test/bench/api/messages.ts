/**
 * What the benchmark and its children around an API server tell each other. Moments are milliseconds of the machine's
 * monotonic clock, which all processes share.
 */
import { z } from 'zod';

const Server = z.object({
  port: z.number(),
  /** Holds `token` and `ca.crt`, as in a pod. */
  accountFolder: z.string(),
  kubeconfig: z.string(),
});
export type ServerAccess = z.infer<typeof Server>;

const Shape = z.object({ services: z.number(), endpoints: z.number(), target: z.null() });
export type FilledShape = z.infer<typeof Shape>;

/** To the writer: create a cluster, or change slices at a pace; changes are numbered from `first`. */
export const WriterRequest = z.discriminatedUnion('type', [
  z.object({ type: z.literal('fill'), server: Server, shape: Shape }),
  z.object({
    type: z.literal('change'),
    server: Server,
    shape: Shape,
    first: z.number(),
    count: z.number(),
    perSecond: z.number(),
  }),
]);
export type WriterRequest = z.infer<typeof WriterRequest>;

/** Answer to `change`: when the server had taken each, in their order. */
export const Written = z.object({ repliedAtMs: z.array(z.number()) });
export type Written = z.infer<typeof Written>;

/** To the follower: follow the server; wait until changes arrived, or until it follows again; what it cost since the last question. */
export const FollowerRequest = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('start'),
    server: Server,
    access: z.enum(['in-cluster', 'kubeconfig']),
    /** Where objects end: thrown away, or as rows in the kernel of the namespace. */
    into: z.enum(['nothing', 'kernel']),
  }),
  z.object({ type: z.literal('arrivals'), first: z.number(), count: z.number() }),
  z.object({ type: z.literal('whole') }),
  z.object({ type: z.literal('cost') }),
]);
export type FollowerRequest = z.infer<typeof FollowerRequest>;

/** Stalls: the longest time in which the process could answer nothing else; by the CPU, as if it had one to itself. */
export const Cost = z.object({
  wallMs: z.number(),
  cpuMs: z.number(),
  peakRssMb: z.number(),
  stallMs: z.number(),
  stallCpuMs: z.number(),
});
export type Cost = z.infer<typeof Cost>;

/** Answer to `start`. */
export const Started = Cost.extend({ objects: z.number() });
export type Started = z.infer<typeof Started>;

/** Answer to `arrivals`: when each change was there, in their order. */
export const Arrivals = z.object({ arrivedAtMs: z.array(z.number()) });
export type Arrivals = z.infer<typeof Arrivals>;

/** Answer to `whole`: when every kind was followed again. */
export const Whole = z.object({ wholeAtMs: z.number() });
export type Whole = z.infer<typeof Whole>;

/** Now, for all processes of this machine. */
export function machineMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
