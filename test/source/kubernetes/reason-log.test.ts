import { beforeEach, describe, expect, it } from 'vitest';
import { createReasonLog, type ReasonLog } from '../../../src/source/kubernetes/reason-log.ts';
import { createManualClock } from '../../agent/manual-clock.ts';

let clock: ReturnType<typeof createManualClock>;
let lines: string[];
let log: ReasonLog;

beforeEach(() => {
  clock = createManualClock();
  lines = [];
  const tell = (line: string) => void lines.push(line.replace('API server: ', ''));
  log = createReasonLog({ timing: { ...clock, random: () => 0 }, warn: tell, info: tell });
});

describe('the reason in the log', () => {
  it('is told once, however often it is tried again, and its end after a while of peace', async () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      log.note('down');
      await clock.advance(10_000);
    }
    log.note('up, but 429');
    log.note(null);
    await clock.advance(4900);
    expect(lines).toEqual(['down', 'up, but 429']);
    await clock.advance(100);
    expect(lines).toEqual(['down', 'up, but 429', 'followed again']);
    log.note('down');
    expect(lines.at(-1)).toBe('down');
  });

  it('that comes and goes is told once, as one that lasts', async () => {
    for (let attempt = 0; attempt < 50; attempt++) {
      log.note('ends at once');
      await clock.advance(3000);
      log.note(null);
      await clock.advance(3000);
    }
    expect(lines).toEqual(['ends at once']);
  });

  it('of several that take turns is told once a minute', async () => {
    for (let second = 0; second < 180; second++) {
      log.note(second % 2 === 0 ? 'a' : 'b');
      await clock.advance(1000);
    }
    expect(lines).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
  });

  it('says nothing of a peace that was never disturbed, nor after its end', async () => {
    log.note(null);
    await clock.advance(60_000);
    log.note('down');
    log.note(null);
    log.stop();
    await clock.advance(60_000);
    expect(lines).toEqual(['down']);
    expect(clock.timers()).toBe(0);
  });
});
