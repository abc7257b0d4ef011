import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WATCHED_KINDS } from '../../../src/source/kubernetes/kinds.ts';
import { createManualClock } from '../../agent/manual-clock.ts';
import { answerStatus } from './fake-server.ts';
import { beginFollowing, type Following } from './following.ts';

/** The longest that is waited after a first failure. */
const FIRST_WAIT_MS = 400;

let following: Following;
beforeEach(async () => {
  following = await beginFollowing();
});
afterEach(() => following.end());

describe('kinds in which nothing happens', () => {
  it('are followed again after the first wait, however many outages there were', async () => {
    const { server, recorder, until } = following;
    const clock = createManualClock();
    const source = following.create({ clock, random: () => 0.999 });
    await source.start(recorder.listen);
    const watches = () => WATCHED_KINDS.reduce((sum, { kind }) => sum + server.watches(kind), 0);
    for (let outage = 1; outage <= 8; outage++) {
      await until(() => watches() === WATCHED_KINDS.length);
      await clock.advance(2_000);
      server.cut();
      await until(() => source.state().retries === outage * WATCHED_KINDS.length);
      expect(source.state().synced).toBe(false);
      await clock.advance(FIRST_WAIT_MS);
      await until(() => source.state().synced);
    }
  });

  it('are listed after the first wait when the server has forgotten their version, after many failures too', async () => {
    const { server, recorder, until } = following;
    const clock = createManualClock();
    const source = following.create({ clock, random: () => 0.999 });
    await source.start(recorder.listen);
    await clock.advance(2_000);
    server.fault = (_url, response) => {
      answerStatus(response, 500, 'etcd is away');
      return true;
    };
    server.cut();
    while (source.state().retries < 8 * WATCHED_KINDS.length) {
      await clock.advance(2_000);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    server.compact();
    server.fault = null;
    const told = source.state().retries + WATCHED_KINDS.length;
    // In small steps, so that no more passes than it takes until each kind was told.
    while (source.state().retries < told) {
      await clock.advance(50);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await clock.advance(FIRST_WAIT_MS);
    await until(() => source.state().synced);
  });
});
