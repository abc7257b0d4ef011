import { describe, expect, it } from 'vitest';
import { applyIsolating } from '../../src/agent/isolation.ts';
import { describeChange, mergeChanges, NO_CHANGE, splitChange } from '../../src/agent/rows-change.ts';
import { DataplaneError, NOTHING_DONE, TOO_LARGE } from '../../src/dataplane/dataplane.ts';
import type { Address } from '../../src/model/address.ts';
import type { RowsChange, ServiceAddressRow } from '../../src/model/rows.ts';
import { changeOf, NODE_ROWS, serviceRows } from './rows-samples.ts';

const many = Array.from({ length: 100 }, (_, index) =>
  serviceRows(`shop/s${String(index).padStart(2, '0')}`),
);

function applying(isRefused: (change: RowsChange) => boolean) {
  const batches: RowsChange[] = [];
  const apply = async (change: RowsChange) => {
    batches.push(change);
    if (isRefused(change)) throw new Error('ENOSPC');
    return NOTHING_DONE;
  };
  return { batches, apply };
}

const owners = (change: RowsChange) => [...change.services.values()].map((row) => row?.owner);

describe('isolation of what the kernel refuses', () => {
  it('is one batch when nothing is refused', async () => {
    const { batches, apply } = applying(() => false);
    const result = await applyIsolating(apply, changeOf(...many));
    expect(batches).toHaveLength(1);
    expect(result).toMatchObject({ failed: NO_CHANGE, error: undefined });
  });

  it('is several batches, and no failure, when one would be too large; a Service alone may be of any size', async () => {
    const most: number[] = [];
    const apply = async (change: RowsChange, mostElements: number) => {
      if (change.services.size > 30 && mostElements < Infinity)
        throw new DataplaneError('too much', { code: TOO_LARGE, object: 'table' });
      most.push(mostElements);
      return NOTHING_DONE;
    };
    const result = await applyIsolating(apply, changeOf(...many));
    expect(result).toEqual({ reports: Array(4).fill(NOTHING_DONE), failed: NO_CHANGE, error: undefined });
    expect(Math.max(...most)).toBeLessThan(Infinity);
    await applyIsolating(apply, changeOf(serviceRows('shop/one')));
    expect(most.at(-1)).toBe(Infinity);
  });

  it('writes nothing for an empty change', async () => {
    const { batches, apply } = applying(() => true);
    await applyIsolating(apply, NO_CHANGE);
    expect(batches).toEqual([]);
  });

  it('[H7] installs all but the one Service that is refused, and keeps that', async () => {
    const { batches, apply } = applying((change) => owners(change).includes(many[42]?.owner));
    const result = await applyIsolating(apply, changeOf(...many));
    expect(owners(result.failed)).toEqual(['shop/s42']);
    expect(result.error).toEqual(new Error('ENOSPC'));
    const installed = batches.filter((batch) => !owners(batch).includes(many[42]?.owner)).flatMap(owners);
    expect(installed.sort()).toEqual(many.map((row) => row.owner).filter((owner) => owner !== 'shop/s42'));
  });

  it('[H7] gives up soon when everything is refused, and loses nothing', async () => {
    const { batches, apply } = applying(() => true);
    const result = await applyIsolating(apply, changeOf(...many));
    expect(batches.length).toBeLessThan(30);
    expect(new Set(owners(result.failed))).toEqual(new Set(many.map((row) => row.owner)));
  });
});

describe('changes of rows', () => {
  it('keep the later of two values for the same row', () => {
    const [first] = many;
    if (first === undefined) throw new Error('no sample');
    const removal: RowsChange = { ...NO_CHANGE, services: new Map([[first.id, null]]) };
    expect(mergeChanges(changeOf(first), removal)).toEqual(removal);
    expect(mergeChanges({ ...removal, node: NODE_ROWS }, changeOf(first))).toEqual({
      ...changeOf(first),
      node: NODE_ROWS,
    });
  });

  it('are taken apart so that the halves make the whole and an address stays with its Service', () => {
    const address = '10.96.0.7' as Address;
    const row: ServiceAddressRow = { address, owner: 'shop/s07' as never, kind: 'clusterIP', pingable: true };
    const whole = { ...changeOf(...many), addresses: new Map([[address, row]]), node: NODE_ROWS };
    const halves = splitChange(whole);
    if (halves === null) throw new Error('not split');
    expect(mergeChanges(...halves)).toEqual(whole);
    for (const half of halves)
      expect(half.addresses.has(address)).toBe(owners(half).includes('shop/s07' as never));
    expect(splitChange(changeOf(serviceRows('shop/one')))).toBeNull();
    expect(splitChange(NO_CHANGE)).toBeNull();
  });

  it('are named by their Services', () => {
    expect(describeChange(changeOf(...many))).toBe('shop/s00, shop/s01, shop/s02 and 97 more');
    expect(describeChange({ ...NO_CHANGE, node: NODE_ROWS })).toBe('the node’s own rows');
  });
});
