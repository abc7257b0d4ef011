import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EndpointGroup, packSlices } from '../../src/cluster/slice-packing.ts';
import type { EndpointSliceObject } from '../../src/model/objects.ts';
import { serviceObject, sliceEndpoint } from '../objects.ts';

const WEB = serviceObject({ name: 'web' });
const LARGEST = 100;

/** A group of the endpoints with these numbers; those in `unready` are not ready. */
function groupOf(numbers: Iterable<number>, unready: ReadonlySet<number> = new Set()): EndpointGroup {
  const endpoints = [...numbers].map((number) =>
    sliceEndpoint({
      address: `10.1.${Math.floor(number / 250)}.${number % 250}`,
      ...(unready.has(number) ? { ready: false } : {}),
    }),
  );
  return { family: 'IPv4', ports: [], endpoints };
}

function pack(
  groups: readonly EndpointGroup[],
  former: readonly EndpointSliceObject[] = [],
  labels: Readonly<Record<string, string>> = {},
): readonly EndpointSliceObject[] {
  const template = { labels, annotations: {}, largest: LARGEST };
  return packSlices(WEB, groups, template, { isTaken: () => false, former });
}

const range = (first: number, count: number) => Array.from({ length: count }, (_, index) => first + index);
const sizes = (slices: readonly EndpointSliceObject[]) =>
  Object.fromEntries(slices.map(({ name, endpoints }) => [name, endpoints.length]));

/** Slice by address. */
function placesOf(slices: readonly EndpointSliceObject[]): ReadonlyMap<string, string> {
  return new Map(
    slices.flatMap(({ name, endpoints }) =>
      endpoints.map(({ addresses }): [string, string] => [addresses[0] ?? '', name]),
    ),
  );
}

describe('packing of slices', () => {
  it('[A13] fills slices that change anyhow, the fullest first', () => {
    const before = pack([groupOf(range(0, 300))]);
    const fewer = [...range(0, 300)].filter((number) => number !== 5 && number !== 150 && number !== 151);
    // 0 loses one and 1 loses two: four newcomers fill 0, then 1, and the last one needs a slice of its own.
    expect(sizes(pack([groupOf([...fewer, ...range(400, 4)])], before))).toEqual({
      'web-ipv4-0': 100,
      'web-ipv4-1': 100,
      'web-ipv4-2': 100,
      'web-ipv4-3': 1,
    });
    expect(sizes(pack([groupOf([...fewer, 400])], before))).toEqual({
      'web-ipv4-0': 100,
      'web-ipv4-1': 98,
      'web-ipv4-2': 100,
    });
  });

  it('[A13] puts what is left into the fullest slice with room for all of it, else into a new one', () => {
    const before = pack([groupOf(range(0, 250))]);
    const holed = range(0, 250).filter((number) => number >= 30);
    const holes = pack([groupOf(holed)], before);
    expect(sizes(holes)).toEqual({ 'web-ipv4-0': 70, 'web-ipv4-1': 100, 'web-ipv4-2': 50 });
    const added = (count: number) => sizes(pack([groupOf([...holed, ...range(400, count)])], holes));
    expect(added(30)).toMatchObject({ 'web-ipv4-0': 100, 'web-ipv4-2': 50 });
    expect(added(40)).toMatchObject({ 'web-ipv4-0': 70, 'web-ipv4-2': 90 });
    expect(added(60)).toMatchObject({ 'web-ipv4-0': 70, 'web-ipv4-2': 50, 'web-ipv4-3': 60 });
  });

  it('parts families and ports, and gives no name twice', () => {
    const other: EndpointGroup = {
      ...groupOf([7]),
      ports: [{ name: '', protocol: 'TCP', port: null }],
    };
    const before = pack([groupOf([1]), other]);
    expect(before.map(({ name, ports }) => [name, ports.length])).toEqual([
      ['web-ipv4-0', 0],
      ['web-ipv4-1', 1],
    ]);
    const after = pack([groupOf([2]), other], before);
    expect(after.map(({ name, ports }) => [name, ports.length])).toEqual([
      ['web-ipv4-0', 0],
      ['web-ipv4-1', 1],
    ]);
  });

  it('puts a new slice in the place of one given up: an edit instead of a removal and a new one', () => {
    const other: EndpointGroup = { ...groupOf([1]), ports: [{ name: '', protocol: 'TCP', port: null }] };
    const before = pack([groupOf(range(0, 150))]).slice(1);
    expect(sizes(before)).toEqual({ 'web-ipv4-1': 50 });
    expect(sizes(pack([other], before))).toEqual({ 'web-ipv4-1': 1 });
    const empty = { ...groupOf([]), ports: [] };
    expect(sizes(pack([empty], before))).toEqual({ 'web-ipv4-1': 0 });
    expect(pack([empty], pack([empty], before))).toEqual(pack([empty], before));
  });

  it('fills slices whose labels change before others', () => {
    const before = pack([groupOf(range(0, 150))], [], { app: 'old' });
    const [full, half] = pack([groupOf(range(0, 150))], before, { app: 'new' });
    const mixed = [...(full === undefined ? [] : [full]), { ...half, labels: before[1]?.labels ?? {} }];
    const grown = pack([groupOf(range(0, 151))], mixed as readonly EndpointSliceObject[], { app: 'new' });
    expect(sizes(grown)).toEqual({ 'web-ipv4-0': 100, 'web-ipv4-1': 51 });
  });

  it('carry the labels they are given, and say whose they are', () => {
    const labels = { app: 'web', 'kubernetes.io/service-name': 'x' };
    expect(pack([groupOf([1])], [], labels)[0]?.labels).toEqual({
      app: 'web',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'control-plane.weir.dev',
    });
  });

  it('[A13] holds every endpoint once, moves none, and changes at most the slices that had to change', () => {
    const numbers = fc.uniqueArray(fc.nat(450), { maxLength: 450, size: 'max' });
    const walk = fc.array(fc.tuple(numbers, fc.nat(450)), { minLength: 2, maxLength: 4 });
    const property = fc.property(walk, (steps) => {
      let before: readonly EndpointSliceObject[] = [];
      for (const [members, unready] of steps) {
        const group = groupOf(members, new Set([unready]));
        const after = pack([group], before);
        const [was, is] = [placesOf(before), placesOf(after)];
        if (members.length === 0) {
          expect(sizes(after)).toEqual({ [before[0]?.name ?? 'web-ipv4-0']: 0 });
          before = after;
          continue;
        }
        expect(after.flatMap(({ endpoints }) => endpoints)).toHaveLength(members.length);
        expect(is.size).toBe(members.length);
        for (const [address, slice] of is) expect(was.get(address) ?? slice).toBe(slice);
        expect(after.every(({ endpoints }) => endpoints.length > 0 && endpoints.length <= LARGEST)).toBe(
          true,
        );
        expectFewChanges(before, after, group);
        expect(pack([group], after)).toEqual(after);
        before = after;
      }
    });
    fc.assert(property, { numRuns: 40 });
  });
});

function expectFewChanges(
  before: readonly EndpointSliceObject[],
  after: readonly EndpointSliceObject[],
  { endpoints }: EndpointGroup,
): void {
  const wanted = new Map(endpoints.map((endpoint) => [endpoint.addresses[0], endpoint]));
  // A slice without endpoints only says that there are none: what fills it is as good as new.
  const former = new Map(
    before.filter(({ endpoints: list }) => list.length > 0).map((slice) => [slice.name, slice]),
  );
  const hadTo = (slice: EndpointSliceObject) =>
    slice.endpoints.some((each) => !isDeepStrictEqual(each, wanted.get(each.addresses[0])));
  const filledUp = after.filter((slice) => {
    const old = former.get(slice.name);
    return old !== undefined && !hadTo(old) && old.endpoints.length !== slice.endpoints.length;
  });
  const created = after.filter(({ name }) => !former.has(name));
  expect(filledUp.length).toBeLessThanOrEqual(1);
  const full = created.filter((slice) => slice.endpoints.length === LARGEST);
  // One at most is not full, and none is made where an unchanged slice had room for the rest.
  expect(created.length - full.length + filledUp.length).toBeLessThanOrEqual(1);
}
