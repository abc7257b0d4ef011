import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Address,
  addressBits,
  addressBytes,
  addressFromBytes,
  compareAddresses,
  mergePrefixes,
  type Prefix,
  parseAddress,
  parsePrefix,
  prefixContains,
  prefixOf,
} from '../../src/model/address.ts';

const ipv4 = fc.ipV4().map((text) => text as Address);
const ipv6 = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map(addressFromBytes)
  .filter((address) => parseAddress(address) !== undefined);
const address = fc.oneof(ipv4, ipv6);
/** Few bits vary, so that prefixes meet. */
const nearby = fc
  .tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 28, max: 32 }))
  .map(([host, length]) => prefixOf(`10.0.0.${host}` as Address, length));

describe('addresses', () => {
  it('come back from their bytes', () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(addressFromBytes(addressBytes(value))).toBe(value);
      }),
    );
  });

  it('are ordered as their bytes are', () => {
    fc.assert(
      fc.property(ipv4, ipv4, (a, b) => {
        const [left, right] = [a, b].map((text) =>
          text.split('.').reduce((sum, byte) => sum * 256 + Number(byte), 0),
        );
        expect(Math.sign(compareAddresses(a, b))).toBe(Math.sign((left ?? 0) - (right ?? 0)));
      }),
    );
  });

  it.each([
    '010.0.0.1',
    '1.2.3',
    '1.2.3.4.5',
    '::ffff:10.0.0.1',
    '::ffff:127.0.0.1',
    'fe80::1%eth0',
    '',
    '1.2.3.4/32',
    ' 1.2.3.4',
  ])('[I5] [I6] refuses %j', (text) => expect(parseAddress(text)).toBeUndefined());

  it.each([
    ['FD00:0:0::0001', 'fd00::1'],
    ['10.0.0.1', '10.0.0.1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ])('makes %s canonical', (text, canonical) => expect(parseAddress(text)).toBe(canonical));
});

describe('prefixes', () => {
  it.each([
    '1.2.3.4/24',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/',
    '10.0.0.0',
    'fd00::1/64',
    '::ffff:0.0.0.0/96',
    '010.0.0.0/8',
  ])('[I6] refuses %j', (text) => expect(parsePrefix(text)).toBeUndefined());

  it('contain the addresses whose leading bits they share, and no others', () => {
    fc.assert(
      fc.property(ipv4, ipv4, fc.integer({ min: 0, max: 32 }), (a, b, length) => {
        const bits = (value: Address) =>
          [...addressBytes(value)]
            .map((byte) => byte.toString(2).padStart(8, '0'))
            .join('')
            .slice(0, length);
        expect(prefixContains(prefixOf(a, length), b)).toBe(bits(a) === bits(b));
      }),
    );
  });

  it('merge into disjoint ones that cover the same addresses', () => {
    fc.assert(
      fc.property(fc.array(nearby, { maxLength: 8 }), (prefixes: Prefix[]) => {
        const merged = mergePrefixes(prefixes);
        for (let host = 0; host < 32; host++) {
          const at = `10.0.0.${host}` as Address;
          const holders = merged.filter((prefix) => prefixContains(prefix, at)).length;
          expect(holders).toBe(prefixes.some((prefix) => prefixContains(prefix, at)) ? 1 : 0);
        }
        expect(mergePrefixes([...merged].reverse())).toEqual(merged);
      }),
    );
  });

  it('have the length of their family', () => {
    fc.assert(
      fc.property(address, (value) => {
        expect(addressBytes(value).length * 8).toBe(addressBits(value));
      }),
    );
  });
});
