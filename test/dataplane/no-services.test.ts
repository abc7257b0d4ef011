import { describe, expect, it } from 'vitest';
import { openNoServices } from '../../src/dataplane/no-services.ts';
import { changeOf, rowsOf, serviceRows } from '../agent/rows-samples.ts';

describe('no backend of Services', () => {
  it('takes away what an earlier agent left before anything else, tries that again, and writes nothing', async () => {
    let removals = 0;
    const dataplane = openNoServices(async () => {
      removals += 1;
      if (removals === 1) throw new Error('EBUSY');
    });
    await expect(dataplane.sync(rowsOf(serviceRows('shop/web')))).rejects.toThrow('EBUSY');
    await expect(dataplane.sync(rowsOf(serviceRows('shop/web')))).resolves.toMatchObject({ bytes: 0 });
    await expect(dataplane.apply(changeOf(serviceRows('shop/cart')))).resolves.toMatchObject({ bytes: 0 });
    expect(removals).toBe(2);
    expect(dataplane.status()).toMatchObject({ backend: 'none', chains: 0, sets: [] });
  });
});
