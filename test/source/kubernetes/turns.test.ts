import { describe, expect, it } from 'vitest';
import { createTurns } from '../../../src/source/kubernetes/turns.ts';

/** Work in steps of so many milliseconds, with what happened in between. */
async function workers(count: number, steps: number, stepMs: number) {
  let nowMs = 0;
  const turns = createTurns(() => nowMs);
  const blockedMs: number[] = [];
  let turnBegunMs = 0;
  let running = true;
  const tick = (): void => {
    blockedMs.push(nowMs - turnBegunMs);
    turnBegunMs = nowMs;
    if (running) setImmediate(tick);
  };
  setImmediate(tick);
  const done: number[] = [];
  await Promise.all(
    Array.from({ length: count }, async (_, worker) => {
      for (let step = 0; step < steps; step++) {
        nowMs += stepMs;
        done.push(worker);
        await turns.next();
      }
    }),
  );
  running = false;
  return { blockedMs, done };
}

describe('turns', () => {
  it('let nobody block the event loop for long, however many readers have much to do', async () => {
    const { blockedMs, done } = await workers(4, 100, 3);
    expect(done).toHaveLength(400);
    // The turn in which all begin is nobody's; later ones end with the step that fills them.
    expect(Math.max(...blockedMs.slice(1))).toBeLessThanOrEqual(12);
  });

  it('come round: no reader waits while another goes on for ever', async () => {
    const { done } = await workers(3, 60, 3);
    const half = done.slice(0, done.length / 2);
    for (const worker of [0, 1, 2])
      expect(half.filter((other) => other === worker).length).toBeGreaterThan(15);
  });

  it('cost nothing while little is to do', async () => {
    const { blockedMs } = await workers(1, 1000, 0.001);
    expect(blockedMs.length).toBeLessThan(5);
  });
});
