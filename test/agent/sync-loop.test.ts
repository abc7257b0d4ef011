import { describe, expect, it } from 'vitest';
import { backoffMs, createSyncLoop, type SyncAttempt } from '../../src/agent/sync-loop.ts';
import { createManualClock, settle } from './manual-clock.ts';

function loopWith(options: { minSyncPeriodMs?: number; syncPeriodMs?: number } = {}) {
  const clock = createManualClock();
  const attempts: (SyncAttempt & { at: number })[] = [];
  const outcomes: (Error | Promise<void>)[] = [];
  const loop = createSyncLoop({
    clock,
    minSyncPeriodMs: options.minSyncPeriodMs ?? 0,
    syncPeriodMs: options.syncPeriodMs ?? 30_000,
    async attempt(attempt) {
      attempts.push({ ...attempt, at: clock.monotonicMs() });
      const outcome = outcomes.shift();
      if (outcome instanceof Error) throw outcome;
      await outcome;
    },
  });
  return { clock, attempts, outcomes, loop };
}

describe('sync loop', () => {
  it('stands still until something is asked for', async () => {
    const { clock, attempts } = loopWith();
    await clock.advance(100_000);
    expect(attempts).toEqual([]);
  });

  it('runs one attempt at a time and merges what comes meanwhile into the next', async () => {
    const { clock, attempts, outcomes, loop } = loopWith();
    let finish = (): void => {};
    outcomes.push(new Promise((resolve) => (finish = resolve)));
    loop.request();
    await clock.advance(0);
    for (let change = 0; change < 50; change++) loop.request();
    await clock.advance(5000);
    expect(attempts).toHaveLength(1);
    finish();
    await clock.advance(5000);
    expect(attempts).toHaveLength(2);
    expect(loop.state()).toEqual({ pendingSinceMs: null, consecutiveFailures: 0, running: false });
  });

  it('[A70] syncs at most five times for a hundred changes within a second, the last change included', async () => {
    const { clock, attempts, loop } = loopWith({ minSyncPeriodMs: 400 });
    for (let change = 0; change < 100; change++) {
      loop.request();
      await clock.advance(10);
    }
    const lastChange = clock.monotonicMs();
    await clock.advance(5000);
    expect(attempts.length).toBeLessThanOrEqual(5);
    expect(attempts.at(-1)?.at).toBeGreaterThanOrEqual(lastChange - 10);
    expect(loop.state().pendingSinceMs).toBeNull();
  });

  it('[A70] lets a lone change go at once', async () => {
    const { clock, attempts, loop } = loopWith({ minSyncPeriodMs: 400 });
    for (let change = 0; change < 3; change++) {
      await clock.advance(10_000);
      loop.request();
      const asked = clock.monotonicMs();
      await clock.advance(0);
      expect(attempts.at(-1)?.at).toBe(asked);
    }
  });

  it('[H7] tries again with growing waits after failures, and forgets them after a success', async () => {
    const { clock, attempts, outcomes, loop } = loopWith({ syncPeriodMs: 1_000_000 });
    outcomes.push(...Array.from({ length: 9 }, () => new Error('EPERM')));
    loop.request();
    await clock.advance(60_000);
    const waits = attempts.slice(1, 10).map((attempt, index) => attempt.at - (attempts[index]?.at ?? 0));
    expect(waits).toEqual([100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
    expect(loop.state().consecutiveFailures).toBe(0);
    expect(backoffMs(1)).toBe(100);
  });

  it('[A50] counts as pending from the first change that is not in, through failures and running attempts', async () => {
    const { clock, outcomes, loop } = loopWith();
    outcomes.push(new Error('EPERM'), new Promise(() => {}));
    loop.request();
    const asked = clock.monotonicMs();
    await clock.advance(50);
    loop.request();
    expect(loop.state()).toMatchObject({ pendingSinceMs: asked, consecutiveFailures: 1 });
    await clock.advance(500);
    expect(loop.state()).toMatchObject({ pendingSinceMs: asked, running: true });
  });

  it('[F6] repairs at once when another process changed the table, and within half a second under a storm', async () => {
    const { clock, attempts, loop } = loopWith({ minSyncPeriodMs: 60_000 });
    for (let change = 0; change < 5; change++) {
      const asked = clock.monotonicMs();
      loop.requestRepair();
      await clock.advance(500);
      expect(attempts.at(-1)).toMatchObject({ repair: true });
      expect((attempts.at(-1)?.at ?? 0) - asked).toBeLessThanOrEqual(500);
    }
    expect(attempts).toHaveLength(5);
  });

  it('keeps a repair that failed for the next attempt', async () => {
    const { clock, attempts, outcomes, loop } = loopWith();
    outcomes.push(new Error('EINTR'));
    loop.requestRepair();
    await clock.advance(1000);
    expect(attempts.map((attempt) => attempt.repair)).toEqual([true, true]);
  });

  it('reads everything back once per sync period, also under a stream of changes', async () => {
    const { clock, attempts, loop } = loopWith({ syncPeriodMs: 1000, minSyncPeriodMs: 400 });
    for (let change = 0; change < 100; change++) {
      loop.request();
      await clock.advance(50);
    }
    expect(attempts.filter((attempt) => attempt.repair)).toHaveLength(5);
  });

  it('answers a flush after an attempt that began after it was asked for', async () => {
    const { clock, attempts, outcomes, loop } = loopWith();
    let finish = (): void => {};
    outcomes.push(new Promise((resolve) => (finish = resolve)));
    loop.request();
    await clock.advance(0);
    let flushed = false;
    const flush = loop.flush().then(() => (flushed = true));
    finish();
    await settle();
    expect(flushed).toBe(false);
    await clock.advance(0);
    await flush;
    expect(attempts).toHaveLength(2);
  });

  it('answers a flush with the error of its attempt, without waiting for the backoff', async () => {
    const { clock, outcomes, loop } = loopWith();
    outcomes.push(new Error('first'), new Error('second'));
    loop.request();
    await clock.advance(0);
    const flush = expect(loop.flush()).rejects.toThrow('second');
    await clock.advance(0);
    await flush;
    expect(loop.state().consecutiveFailures).toBe(2);
  });

  it('starts nothing after a stop and rejects those who wait', async () => {
    const { clock, attempts, loop } = loopWith({ minSyncPeriodMs: 400 });
    const flush = expect(loop.flush()).rejects.toThrow('stopping');
    await loop.stop();
    await flush;
    loop.request();
    await clock.advance(100_000);
    expect(attempts).toEqual([]);
    expect(clock.timers()).toBe(0);
    await expect(loop.flush()).rejects.toThrow('stopping');
  });
});
