import { describe, expect, it } from 'vitest';
import { behaviourRows, type TestReport } from '../../scripts/rows.ts';

type Result = TestReport['testResults'][number]['assertionResults'][number];

function reportOf(file: string, ...results: readonly Result[]): TestReport {
  return { testResults: [{ name: `/checkout/${file}`, assertionResults: results }] };
}

function passed(title: string, ...ancestorTitles: readonly string[]): Result {
  return { title, ancestorTitles, status: 'passed' };
}

describe('npm run rows', () => {
  it('lists each row with the tests that hold it, in the order of letters and numbers', () => {
    const report = reportOf(
      'test/a.test.ts',
      passed('[B2] x'),
      passed('[A10, A9] y'),
      passed('[A9][E1] z', 's'),
    );
    expect(behaviourRows(report, '/checkout')).toEqual([
      { row: 'A9', tests: ['test/a.test.ts > [A10, A9] y', 'test/a.test.ts > s > [A9][E1] z'], backends: [] },
      { row: 'A10', tests: ['test/a.test.ts > [A10, A9] y'], backends: [] },
      { row: 'B2', tests: ['test/a.test.ts > [B2] x'], backends: [] },
      { row: 'E1', tests: ['test/a.test.ts > s > [A9][E1] z'], backends: [] },
    ]);
  });

  it('takes backends from titles and folders, not from the package nft-js', () => {
    expect(behaviourRows(reportOf('test/a.test.ts', passed('[A1] x', 'on nft')), '/checkout')).toMatchObject([
      { row: 'A1', backends: ['nft'] },
    ]);
    expect(
      behaviourRows(reportOf('test/dataplane/bpf/a.test.ts', passed('[A1] x')), '/checkout'),
    ).toMatchObject([{ row: 'A1', backends: ['bpf'] }]);
    expect(
      behaviourRows(reportOf('native/nft-js/test/a.test.ts', passed('[A1] x')), '/checkout'),
    ).toMatchObject([{ row: 'A1', backends: [] }]);
  });

  it('keeps a row whose tests failed, without tests that hold it', () => {
    const report = reportOf('test/a.test.ts', {
      title: '[A1] x on nft',
      ancestorTitles: [],
      status: 'failed',
    });
    expect(behaviourRows(report, '/checkout')).toEqual([{ row: 'A1', tests: [], backends: [] }]);
  });
});
