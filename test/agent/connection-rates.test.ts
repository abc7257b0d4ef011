import { describe, expect, it } from 'vitest';
import { createConnectionRates } from '../../src/agent/connection-rates.ts';
import { backendState } from './backend-states.ts';
import { createManualClock, settle } from './manual-clock.ts';

/** A backend whose connections the test counts up. */
function scene() {
  const clock = createManualClock();
  const counted = { connections: 0, reads: 0 };
  const rates = createConnectionRates(async () => {
    counted.reads += 1;
    return [backendState('10.244.1.2', { connections: counted.connections })];
  }, clock);
  const rate = async () => (await rates.read()).map(({ connectionsPerSecond }) => connectionsPerSecond)[0];
  return { clock, counted, rate };
}

/** The rate of the first to ask, with so many connections in the second that he waits. */
async function askFirst({ clock, counted, rate }: ReturnType<typeof scene>, connections: number) {
  const answer = rate();
  await settle();
  counted.connections += connections;
  await clock.advance(1000);
  return answer;
}

describe('connections per second', () => {
  it('are those of the second that the first to ask waits', async () => {
    const asked = scene();
    asked.counted.connections = 500;
    expect(await askFirst(asked, 30)).toBe(30);
  });

  it('are those since some seconds ago, without waiting, for who asks again', async () => {
    const asked = scene();
    await askFirst(asked, 30);
    await asked.clock.advance(4000);
    asked.counted.connections += 70;
    expect(await asked.rate()).toBe(20);
    expect(asked.clock.timers()).toBe(0);
  });

  it('never go back further than ten seconds', async () => {
    const asked = scene();
    await askFirst(asked, 1000);
    await asked.clock.advance(4000);
    expect(await asked.rate()).toBe(200);
    await asked.clock.advance(6000);
    asked.counted.connections += 12;
    expect(await asked.rate()).toBe(2);
    await asked.clock.advance(60_000);
    expect(await askFirst(asked, 5)).toBe(5);
  });

  it('read nothing while nobody asks', async () => {
    const { clock, counted } = scene();
    await clock.advance(60_000);
    expect(counted.reads).toBe(0);
  });

  it('are none where counting began anew', async () => {
    const asked = scene();
    asked.counted.connections = 500;
    expect(await askFirst(asked, -499)).toBe(0);
  });
});
