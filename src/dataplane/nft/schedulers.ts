/** Schedulers as nft has them: it can't count connections, so those that need counts draw at random. */
import type { Scheduler } from '../../model/rows.ts';
import type { ChoiceBy } from './chains/choice.ts';

/** A scheduler that nft has. */
export type PacketScheduler = Exclude<Scheduler, 'lc' | 'wlc' | 'sed' | 'nq'>;

/** What chooses from slots that are arranged for the scheduler. */
export const CHOICE_BY: Readonly<Record<PacketScheduler, ChoiceBy>> = {
  random: 'random',
  rr: 'turn',
  wrr: 'turn',
  sh: 'source',
  maglev: 'source',
  dh: 'destination',
};

/** The nearest to what is asked for. */
export function packetScheduler(asked: Scheduler): PacketScheduler {
  switch (asked) {
    case 'lc':
    case 'wlc':
    case 'sed':
    case 'nq':
      return 'random';
    default:
      return asked;
  }
}
