import { expect, it } from 'vitest';
import { millisOf } from '../../src/source/quantity.ts';

it.each([
  ['4', 4000],
  [4, 4000],
  ['3920m', 3920],
  ['0.5', 500],
  ['.5', 500],
  ['1.1', 1100],
  [2.5, 2500],
  ['0', 0],
  ['1k', 1_000_000],
  ['1e1', 10_000],
  ['100.5m', 101],
])('[A53] reads the CPU quantity %s as %d thousandths', (text, millis) => {
  expect(millisOf(text)).toBe(millis);
});

it.each(['', 'four', '-1', '1 m', '1mm', 'm', null, {}, true, '0x10', '1Ki', '1K'])(
  '[A53] takes %s for no CPU quantity',
  (text) => {
    expect(millisOf(text)).toBeUndefined();
  },
);
