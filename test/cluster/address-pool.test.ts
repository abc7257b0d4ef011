import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addressInRange,
  parsePools,
  poolsText,
  rangeContains,
  rangeSize,
} from '../../src/cluster/address-pool.ts';

function pools(text: string) {
  const parsed = parsePools(text);
  if ('error' in parsed) throw new Error(parsed.error);
  return parsed.value;
}

function ranges(text: string): readonly string[] {
  return pools(text).flatMap((pool) => pool.ranges.map(({ first, last }) => `${first}-${last}`));
}

describe('parsePools', () => {
  it('[E24] leaves the network and the broadcast address of IPv4 blocks shorter than /31 out', () => {
    expect(ranges('203.0.113.0/24')).toEqual(['203.0.113.1-203.0.113.254']);
    expect(ranges('203.0.113.4/30')).toEqual(['203.0.113.5-203.0.113.6']);
    expect(ranges('203.0.113.4/31, 203.0.113.9/32')).toEqual([
      '203.0.113.4-203.0.113.5',
      '203.0.113.9-203.0.113.9',
    ]);
    expect(ranges('2001:db8::/126')).toEqual(['2001:db8::-2001:db8::3']);
    expect(ranges('203.0.113.0-203.0.113.255,2001:db8::ff-2001:db8::1:2')).toEqual([
      '203.0.113.0-203.0.113.255',
      '2001:db8::ff-2001:db8::1:2',
    ]);
  });

  it('[E24] makes one pool of a list, and several of JSON', () => {
    expect(pools('')).toEqual([]);
    expect(pools('10.0.0.0/24,fd00::/120')).toMatchObject([
      { name: 'default', class: null, autoAssign: true },
    ]);
    const text = JSON.stringify([
      { addresses: ['10.0.0.0/24'] },
      { name: 'inside', class: 'example.com/internal', addresses: '10.1.0.0/24', autoAssign: false },
      { addresses: ['10.2.0.0/24'] },
    ]);
    expect(pools(text)).toMatchObject([
      { name: 'default', class: null, autoAssign: true },
      { name: 'inside', class: 'example.com/internal', autoAssign: false },
      { name: 'pool-3' },
    ]);
    expect(pools(poolsText(pools(text)))).toEqual(pools(text));
    expect(poolsText([])).toBe('');
  });

  it.each([
    ['10.0.0.1/24', 'host bits zero'],
    ['10.0.0.1', 'neither a CIDR'],
    ['10.0.0.9-10.0.0.1', 'ends before it begins'],
    ['10.0.0.1-fd00::1', 'mixes families'],
    ['0.0.0.0/0', 'begins or ends in an unspecified address'],
    ['127.0.0.0/8', 'a loopback address'],
    ['203.0.113.1-239.0.0.1', 'a multicast address'],
    ['10.0.0.0/24,fe80::/64', '"fe80::/64" begins or ends in a link-local address'],
    ['10.0.0.0/24,,', '"" is neither'],
    ['[{', 'not JSON'],
    ['[7]', 'pool 1: write {name'],
    ['[{"addresses": []}]', 'pool 1: addresses must list'],
    ['[{"adresses": ["10.0.0.0/24"]}]', 'unknown field adresses'],
    ['[{"addresses": ["10.0.0.0/24"], "autoAssign": "no"}]', 'autoAssign must be true or false'],
    ['[{"addresses": ["10.0.0.0/24"], "class": 7}]', 'class must be a text'],
    ['[{"name": "", "addresses": ["10.0.0.0/24"]}]', 'name must be a text'],
    [
      '[{"name": "a", "addresses": ["10.0.0.0/24"]}, {"name": "a", "addresses": ["10.1.0.0/24"]}]',
      'two pools',
    ],
  ])('[E24] says what is wrong with %s', (text, why) => {
    const parsed = parsePools(text);
    expect('error' in parsed ? parsed.error : parsed.value).toContain(why);
  });
});

it('a range holds the addresses that are counted in it, and no other', () => {
  const range = { first: '10.0.0.250', last: '10.0.1.4' } as unknown as Parameters<typeof rangeSize>[0];
  expect(rangeSize(range)).toBe(11n);
  const property = fc.property(fc.integer({ min: -20, max: 30 }), (number) => {
    if (number < 0) return;
    expect(rangeContains(range, addressInRange(range, BigInt(number)))).toBe(number < 11);
  });
  fc.assert(property);
  expect(addressInRange(range, 6n)).toBe('10.0.1.0');
  expect(rangeContains(range, 'fd00::1' as typeof range.first)).toBe(false);
});
