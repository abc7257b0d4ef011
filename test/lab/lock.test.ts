import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { LABS_DIRECTORY } from '../../src/lab/lab-names.ts';
import { withLock } from '../../src/lab/lock.ts';
import { removeEmptyDirectories } from '../../src/lab/state.ts';

const NAME = 'lock-test';
const PATH = `${LABS_DIRECTORY}/${NAME}.lock`;

afterEach(removeEmptyDirectories);

describe('lock of a lab', () => {
  it('lets one change run after the other', async () => {
    const events: string[] = [];
    const work = (name: string) =>
      withLock(NAME, async () => {
        events.push(`${name} begins`);
        await new Promise(setImmediate);
        events.push(`${name} ends`);
      });
    await Promise.all([work('a'), work('b')]);
    expect(events).toHaveLength(4);
    for (const index of [0, 2]) {
      const name = events[index]?.split(' ')[0];
      expect(events[index + 1]).toBe(`${name} ends`);
    }
    expect(existsSync(PATH)).toBe(false);
  });

  it('is released when the change fails', async () => {
    await expect(withLock(NAME, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(existsSync(PATH)).toBe(false);
  });

  it('is taken over from a process that has died, also when its number is in use again', async () => {
    mkdirSync(LABS_DIRECTORY, { recursive: true });
    for (const stale of ['999999999 1', `${process.pid} 1`]) {
      writeFileSync(PATH, stale);
      expect(await withLock(NAME, async () => 'done')).toBe('done');
    }
  });
});
