import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createLineSplitter } from '../../../src/source/kubernetes/lines.ts';

it('lines are the same however the bytes are cut, and an unfinished one is never told', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(fc.array(line), line, fc.array(fc.integer({ min: 1, max: 9 })), (lines, rest, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + rest);
      const splitter = createLineSplitter();
      const told: string[] = [];
      let at = 0;
      for (const size of cuts) {
        told.push(...splitter.push(bytes.subarray(at, at + size)));
        at += size;
      }
      told.push(...splitter.push(bytes.subarray(at)));
      expect(told).toEqual(lines);
      expect(splitter.pendingBytes()).toBe(Buffer.byteLength(rest));
    }),
  );
});
