/** What becomes of the scheduler that a Service asks for. */
import type { Scheduler, ServiceRows } from '../model/rows.ts';
import { packetScheduler } from './nft/schedulers.ts';

export interface GivenSchedulers {
  readonly asked: Scheduler;
  /** For connections that sockets begin; null: they are not served at sockets. */
  readonly sockets: Scheduler | null;
  /** For packets; null: they are somebody else's. */
  readonly packets: Scheduler | null;
}

/** Who serves Services on this node. */
export interface ServingParts {
  readonly sockets: boolean;
  readonly packets: boolean;
}

/** What is the nearest to what is asked for, in each part. */
export function givenSchedulers(
  { balancing, protocol }: Pick<ServiceRows, 'balancing' | 'protocol'>,
  { sockets, packets }: ServingParts,
): GivenSchedulers {
  return {
    asked: balancing.scheduler,
    sockets: sockets && protocol !== 'SCTP' ? balancing.scheduler : null,
    packets: packets ? packetScheduler(balancing.scheduler) : null,
  };
}
