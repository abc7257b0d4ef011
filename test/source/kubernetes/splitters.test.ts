import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createFrameSplitter, createLineSplitter } from '../../../src/source/kubernetes/splitters.ts';

it('lines are the same however the bytes are cut, and an unfinished one is never told', () => {
  const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !text.includes('\n'));
  fc.assert(
    fc.property(fc.array(line), line, fc.array(fc.integer({ min: 1, max: 9 })), (lines, rest, cuts) => {
      const bytes = Buffer.from(lines.map((text) => `${text}\n`).join('') + rest);
      const splitter = createLineSplitter();
      const told: string[] = [];
      let at = 0;
      for (const size of cuts) {
        told.push(...splitter.push(bytes.subarray(at, at + size)).map(String));
        at += size;
      }
      told.push(...splitter.push(bytes.subarray(at)).map(String));
      expect(told).toEqual(lines);
      expect(splitter.pendingBytes()).toBe(Buffer.byteLength(rest));
    }),
  );
});

it('frames are the same however the bytes are cut, empty ones too', () => {
  const frame = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes));
  fc.assert(
    fc.property(fc.array(frame), frame, fc.array(fc.integer({ min: 1, max: 9 })), (frames, rest, cuts) => {
      const framed = (bytes: Buffer): Buffer => {
        const length = Buffer.alloc(4);
        length.writeUInt32BE(bytes.length);
        return Buffer.concat([length, bytes]);
      };
      const unfinished = framed(rest).subarray(0, -1);
      const bytes = Buffer.concat([...frames.map(framed), unfinished]);
      const splitter = createFrameSplitter();
      const told: string[] = [];
      let at = 0;
      for (const size of [...cuts, bytes.length]) {
        told.push(...splitter.push(bytes.subarray(at, at + size)).map((piece) => piece.toString('hex')));
        at += size;
      }
      expect(told).toEqual(frames.map((piece) => piece.toString('hex')));
      expect(splitter.pendingBytes()).toBe(unfinished.length);
    }),
  );
});
