/** What `status` and metrics count of rows. */
import { expect, it } from 'vitest';
import { countRows } from '../../src/agent/status.ts';
import { rowsOf, serviceRows } from './rows-samples.ts';

const SERVICES = 2_000;

it('rows are counted in turns: among many Services, changes go on meanwhile', async () => {
  const all = rowsOf(...Array.from({ length: SERVICES }, (_, index) => serviceRows(`shop/web-${index}`)));
  const one = await countRows(rowsOf(serviceRows('shop/web')));
  let turns = 0;
  const turn = () => {
    turns += 1;
    next = setImmediate(turn);
  };
  let next = setImmediate(turn);
  const counts = await countRows(all);
  clearImmediate(next);
  expect(counts).toMatchObject({ services: SERVICES, frontends: SERVICES * one.frontends });
  expect(turns).toBeGreaterThan(2);
});
