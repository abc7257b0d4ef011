import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Element, elementIdentity, elementValue } from '../../src/dataplane/nft/element.ts';
import type { ElementDelta } from '../../src/dataplane/nft/element-store.ts';
import { installedRows } from '../../src/dataplane/nft/installed-rows.ts';
import { SETS } from '../../src/dataplane/nft/layout.ts';
import { createServiceNumbers } from '../../src/dataplane/nft/service-numbers.ts';
import type { Rows, ServiceId } from '../../src/model/rows.ts';
import { changeBetween } from './row-changes.ts';
import { rowsArbitrary } from './rows-arbitrary.ts';

/** Numbers that depend on the service alone, so that two stores can be compared. */
const stableNumbers = {
  numberOf: (id: ServiceId) => [...id].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) >>> 0, 7),
  forget: () => {},
};

function contents(store: ReturnType<typeof installedRows>['store']): string[] {
  const lines: string[] = [];
  for (const set of SETS.keys()) for (const element of store.elements(set)) lines.push(line(element));
  return [...lines, ...store.chains()].sort();
}

function line(element: Element): string {
  return `${element.set} ${elementIdentity(element)} ${elementValue(element)} ${element.comment ?? ''}`;
}

/** A kernel that refuses what nftables refuses: adding what is there, deleting what is not. */
function applyDelta(kernel: Map<string, string>, chains: Set<string>, delta: ElementDelta): void {
  for (const chain of delta.chainsNeeded) {
    expect(chains).not.toContain(chain);
    chains.add(chain);
  }
  for (const element of delta.deleted)
    expect(kernel.delete(`${element.set} ${elementIdentity(element)}`)).toBe(true);
  for (const element of delta.added) {
    const key = `${element.set} ${elementIdentity(element)}`;
    expect(kernel.has(key)).toBe(false);
    kernel.set(key, line(element));
  }
  for (const chain of delta.chainsUnused) expect(chains.delete(chain)).toBe(true);
}

describe('rows that are installed', () => {
  it('holds after any walk of changes what compiling from scratch would', () => {
    fc.assert(
      fc.property(fc.array(rowsArbitrary(6), { minLength: 2, maxLength: 6 }), (walk) => {
        const [first] = walk;
        if (first === undefined) return;
        const installed = installedRows(first, stableNumbers);
        let current = first;
        for (const next of walk.slice(1)) {
          installed.change(changeBetween(current, next));
          current = next;
          expect(contents(installed.store)).toEqual(contents(installedRows(next, stableNumbers).store));
        }
      }),
      { numRuns: 150 },
    );
  });

  it('tells deltas that a strict kernel accepts and that end in the same state', () => {
    fc.assert(
      fc.property(fc.array(rowsArbitrary(6), { minLength: 2, maxLength: 6 }), (walk) => {
        const nothing: Rows = { ...(walk[0] ?? never()), services: new Map(), addresses: new Map() };
        const installed = installedRows(nothing, stableNumbers);
        const kernel = new Map<string, string>();
        const chains = new Set<string>();
        for (const set of SETS.keys())
          for (const element of installed.store.elements(set))
            kernel.set(`${element.set} ${elementIdentity(element)}`, line(element));
        let current: Rows = nothing;
        for (const next of walk) {
          applyDelta(kernel, chains, installed.change(changeBetween(current, next)));
          current = next;
        }
        expect([...kernel.values(), ...chains].sort()).toEqual(contents(installed.store));
      }),
      { numRuns: 150 },
    );
  });

  it('gives a service the number it had, and never a number that was seen', () => {
    const service = (key: string, data: string, comment: string): Element => ({
      set: 'service4',
      key,
      data,
      comment,
    });
    const slot: Element = { set: 'slot4', key: '\x09\0\0\0\0\0\0\0', data: 'x' };
    const observed = new Map([
      [
        'service4' as const,
        new Map([
          ['a', service('a', '\0\0\0\0\x05\0\0\0', 'shop/web:http/TCP/IPv4')],
          ['b', service('b', '\0\0\0\0\x05\0\0\0', 'shop/web:http/TCP/IPv4')],
        ]),
      ],
      ['slot4' as const, new Map([['s', slot]])],
    ]);
    const numbers = createServiceNumbers(observed);
    expect(numbers.numberOf('shop/new:http/TCP/IPv4' as ServiceId)).toBe(10);
    expect(numbers.numberOf('shop/web:http/TCP/IPv4' as ServiceId)).toBe(5);
    numbers.forget('shop/new:http/TCP/IPv4' as ServiceId);
    expect(numbers.numberOf('shop/newer:http/TCP/IPv4' as ServiceId)).toBe(11);
  });

  it('[H19] adopts no number that two services claim', () => {
    const element = (comment: string): Element => ({
      set: 'service4',
      key: comment,
      data: '\0\0\0\0\x05\0\0\0',
      comment,
    });
    const observed = new Map([
      [
        'service4' as const,
        new Map([
          ['a', element('one')],
          ['b', element('two')],
        ]),
      ],
    ]);
    const numbers = createServiceNumbers(observed);
    expect(numbers.numberOf('one' as ServiceId)).toBe(6);
    expect(numbers.numberOf('two' as ServiceId)).toBe(7);
  });
});

function never(): never {
  throw new Error('an empty walk');
}
