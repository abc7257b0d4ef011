import { describe, expect, it } from 'vitest';
import { givenSchedulers } from '../../src/dataplane/given-schedulers.ts';
import { DEFAULT_BALANCING, type Scheduler } from '../../src/model/rows.ts';

const BOTH = { sockets: true, packets: true };

function given(scheduler: Scheduler, protocol: 'TCP' | 'SCTP' = 'TCP', parts = BOTH) {
  return givenSchedulers({ balancing: { ...DEFAULT_BALANCING, scheduler }, protocol }, parts);
}

describe('what a Service gets for its scheduler', () => {
  it.each<Scheduler>(['random', 'rr', 'wrr', 'sh', 'dh', 'maglev'])(
    '[A58] [A59] is %s everywhere',
    (scheduler) => {
      expect(given(scheduler)).toEqual({ asked: scheduler, sockets: scheduler, packets: scheduler });
    },
  );

  it.each<Scheduler>(['lc', 'wlc', 'sed', 'nq'])(
    '[A58] [A59] is %s at sockets, and a draw for packets',
    (scheduler) => {
      expect(given(scheduler)).toEqual({ asked: scheduler, sockets: scheduler, packets: 'random' });
    },
  );

  it('[A59] is nothing where nobody serves: sockets of SCTP, and what is left to others', () => {
    expect(given('rr', 'SCTP')).toEqual({ asked: 'rr', sockets: null, packets: 'rr' });
    const nobody = given('rr', 'TCP', { sockets: false, packets: false });
    expect(nobody).toEqual({ asked: 'rr', sockets: null, packets: null });
  });
});
