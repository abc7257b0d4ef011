import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cut, portPrefixes, spanOf, WHOLE_LINE } from '../../../src/compile/policies/port-line.ts';

describe('port prefixes', () => {
  it('[C9] cover a range exactly, with at most 30', () => {
    fc.assert(
      fc.property(fc.nat(65535), fc.nat(65535), (one, other) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        const prefixes = portPrefixes('TCP', first, last);
        expect(prefixes.length).toBeLessThanOrEqual(30);
        let next = first;
        for (const { port, bits } of prefixes) {
          const size = 2 ** (16 - bits);
          expect(port).toBe(next);
          expect(port % size).toBe(0);
          next = port + size;
        }
        expect(next).toBe(last + 1);
      }),
    );
  });

  it('are as few as can be', () => {
    expect(portPrefixes('TCP', 0, 65535)).toEqual([{ protocol: 'TCP', port: 0, bits: 0 }]);
    expect(portPrefixes('UDP', 32000, 32768)).toEqual([
      { protocol: 'UDP', port: 32000, bits: 8 },
      { protocol: 'UDP', port: 32256, bits: 7 },
      { protocol: 'UDP', port: 32768, bits: 16 },
    ]);
    expect(portPrefixes('TCP', 1, 65534)).toHaveLength(30);
  });
});

describe('the port line', () => {
  it('keeps protocols apart and is cut into what is inside and what is not', () => {
    const { inside, outside } = cut([WHOLE_LINE], spanOf('UDP', 0, 65535));
    expect(inside).toEqual([{ first: 65536, last: 131071 }]);
    expect(outside).toEqual([
      { first: 0, last: 65535 },
      { first: 131072, last: 196608 },
    ]);
    expect(cut(inside, spanOf('TCP', 0, 65535))).toEqual({ inside: [], outside: inside });
  });
});
