import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { StartRow } from '../../src/cli/start-table.ts';
import { weir } from './weir.ts';

describe('weir start', () => {
  it('brings the shop up, gets the right answer everywhere and leaves nothing', {
    timeout: 120_000,
  }, async () => {
    const name = `st${process.pid}`;
    const { code, stdout, stderr } = await weir(['start', '--once', '--json', '--name', name]);
    expect(stderr).toContain('taking the lab down');
    const { rows } = JSON.parse(stdout) as { readonly rows: readonly StartRow[] };
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter((row) => row.wrong.length > 0)).toEqual([]);
    for (const kind of ['cluster IP', 'load balancer', 'external IP', 'node port north', 'host port']) {
      expect(rows.map(({ by }) => by)).toContain(kind);
    }
    expect(code).toBe(0);
    expect(readdirSync('/run/netns').filter((entry) => entry.startsWith(`weir-${name}-`))).toEqual([]);
  });
});
