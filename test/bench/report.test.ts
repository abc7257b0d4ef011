import { describe, expect, it } from 'vitest';
import { formatTable, resultsOf, type Series } from './report.ts';

const common = { scenario: 's', metric: 'rate', unit: '1/s' };
const SERIES: readonly Series[] = [
  { ...common, variant: 'direct', baseline: 'direct', values: [100, 200, 300] },
  { ...common, variant: 'ours', baseline: 'direct', values: [90, 190, 240] },
  { ...common, variant: 'ours', baseline: 'absent', values: [90, 190, 240] },
];

describe('report of the benchmark', () => {
  it('relates each variant to its baseline of the same scenario and metric', () => {
    const [direct, ours] = resultsOf(SERIES);
    expect(direct).toMatchObject({ median: 200, ratio: 1, low: 1, high: 1, rounds: 3 });
    expect(ours).toMatchObject({ median: 190, ratio: 0.9, low: 0.8, high: 0.95, baseline: 'direct' });
  });

  it('leaves the ratio out where the baseline was not measured', () => {
    expect(resultsOf(SERIES)[2]).toMatchObject({ median: 190, ratio: null, low: null, high: null });
  });

  it('prints a line for each result below the machine', () => {
    const machine = { cpus: 2, memoryMb: 1024, kernel: '6.18', node: 'v24' };
    const lines = formatTable({ machine, commit: 'abc', results: resultsOf(SERIES) }).split('\n');
    expect(lines).toHaveLength(2 + SERIES.length);
    expect(lines[0]).toContain('2 CPUs');
    expect(lines[3]).toMatch(/ours\s+rate\s+190\s+1\/s\s+0\.900\s+0\.800 – 0\.950\s+direct\s+3/);
  });
});
