import pino from 'pino';
import { describe, expect, it } from 'vitest';
import { createSocketExemptionLoop } from '../../src/agent/socket-exemptions.ts';
import type { SocketExemptions } from '../../src/compile/sockets/exemptions.ts';
import type { Address } from '../../src/model/address.ts';
import type { NodeName, ObjectName } from '../../src/model/names.ts';
import type { Problem } from '../../src/model/objects.ts';
import { createManualClock } from './manual-clock.ts';

const SYNC_PERIOD_MS = 30_000;
const podsOf = (...names: readonly string[]) =>
  new Map(names.map((name) => [name as ObjectName, ['10.244.1.5' as Address]]));
const BAD_VALUE = { reason: 'UnknownAnnotationValue' } as Problem;

function start() {
  const clock = createManualClock();
  const kernel = { here: new Set<string>(), fails: false, calls: [] as string[] };
  const input: { current: SocketExemptions } = { current: { pods: new Map(), problems: [] } };
  let told = 0;
  const loop = createSocketExemptionLoop({
    pipeline: { socketExemptions: () => input.current },
    sockets: {
      async exempt(pods) {
        if (kernel.fails) throw new Error('no room');
        kernel.calls.push([...pods.keys()].join());
        return [...pods.keys()].filter((pod) => !kernel.here.has(pod));
      },
    },
    node: 'n' as NodeName,
    clock,
    log: pino({ level: 'silent' }),
    minSyncPeriodMs: 0,
    syncPeriodMs: SYNC_PERIOD_MS,
    onProblems: () => {
      told += 1;
    },
  });
  const want = (...names: readonly string[]) => {
    input.current = { pods: podsOf(...names), problems: [] };
    loop.request();
  };
  return { clock, kernel, input, loop, want, told: () => told };
}

describe('the loop of exempt pods', () => {
  it('[E2] tells the kernel what is different, and nothing when nothing is', async () => {
    const { clock, kernel, loop, want } = start();
    kernel.here.add('a/x');
    want('a/x');
    await clock.advance(0);
    loop.request();
    await clock.advance(0);
    expect(kernel.calls).toEqual(['a/x']);
    want();
    await clock.advance(0);
    expect(kernel.calls).toEqual(['a/x', '']);
    await clock.advance(SYNC_PERIOD_MS);
    expect(kernel.calls.length).toBe(3);
    await loop.stop();
  });

  it('[E2] finds a pod whose processes come later within a second, and looks ever less often for others', async () => {
    const { clock, kernel, loop, want, told } = start();
    want('a/x');
    await clock.advance(300);
    kernel.here.add('a/x');
    await clock.advance(500);
    const { length } = kernel.calls;
    await clock.advance(10_000);
    expect(kernel.calls.length).toBe(length);
    want('a/x', 'a/gone');
    await clock.advance(1000);
    expect(loop.problems()).toEqual([]);
    await clock.advance(27_000);
    expect(kernel.calls.length - length).toBeLessThan(10);
    expect(loop.problems()).toMatchObject([{ object: { name: 'gone' }, reason: 'NotExempt' }]);
    expect(told()).toBe(1);
    expect(clock.timers()).toBe(2);
    await loop.stop();
    expect(clock.timers()).toBe(0);
  });

  it('tries again what failed', async () => {
    const { clock, kernel, loop, want } = start();
    kernel.here.add('a/x');
    kernel.fails = true;
    want('a/x');
    await clock.advance(0);
    expect(kernel.calls).toEqual([]);
    kernel.fails = false;
    await clock.advance(1000);
    expect(kernel.calls).toEqual(['a/x']);
    await loop.stop();
  });

  it('has problems told when they are others', async () => {
    const { clock, input, loop, told } = start();
    input.current = { pods: new Map(), problems: [BAD_VALUE] };
    for (const turn of [1, 2]) {
      loop.request();
      await clock.advance(turn);
    }
    expect(loop.problems()).toEqual([BAD_VALUE]);
    expect(told()).toBe(1);
    await loop.stop();
  });
});
