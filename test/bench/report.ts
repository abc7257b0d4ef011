/** What a scenario measured, as the results of `--json` and as a table for people. */
import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';
import { median, ratioInterval, seededRandom } from './statistics.ts';

/** One variant's values, a value per round; round i of every variant of a scenario ran side by side. */
export interface Series {
  readonly scenario: string;
  readonly variant: string;
  readonly metric: string;
  readonly unit: string;
  /** The variant (of the same scenario and metric) that ratios refer to. */
  readonly baseline: string;
  readonly values: readonly number[];
}

/** One line of the report. `low` and `high` bound the 95 % interval of `ratio`. */
export interface Result {
  readonly scenario: string;
  readonly variant: string;
  readonly metric: string;
  readonly unit: string;
  readonly median: number;
  readonly baseline: string;
  readonly ratio: number | null;
  readonly low: number | null;
  readonly high: number | null;
  readonly rounds: number;
}

export interface Report {
  readonly machine: {
    readonly cpus: number;
    readonly memoryMb: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly commit: string;
  readonly results: readonly Result[];
}

/** Results of all series; a series whose baseline was not measured has no ratio. */
export function resultsOf(series: readonly Series[]): Result[] {
  return series.map((one) => {
    const baseline = series.find(
      (other) =>
        other.scenario === one.scenario && other.metric === one.metric && other.variant === one.baseline,
    );
    const interval =
      baseline === undefined ? null : ratioInterval(one.values, baseline.values, seededRandom(1));
    return {
      scenario: one.scenario,
      variant: one.variant,
      metric: one.metric,
      unit: one.unit,
      median: rounded(median(one.values)),
      baseline: one.baseline,
      ratio: interval && rounded(interval.ratio),
      low: interval && rounded(interval.low),
      high: interval && rounded(interval.high),
      rounds: one.values.length,
    };
  });
}

/** The report of this machine and checkout. */
export function reportOf(series: readonly Series[]): Report {
  return {
    machine: {
      cpus: cpus().length,
      memoryMb: Math.round(totalmem() / 2 ** 20),
      kernel: release(),
      node: process.version,
    },
    commit: commitOfCheckout(),
    results: resultsOf(series),
  };
}

/** Aligned text; numbers to four significant digits. */
export function formatTable(report: Report): string {
  const header = [
    'scenario',
    'variant',
    'metric',
    'median',
    'unit',
    'ratio',
    '95 % interval',
    'to',
    'rounds',
  ];
  const lines = report.results.map((result) => [
    result.scenario,
    result.variant,
    result.metric,
    String(result.median),
    result.unit,
    result.ratio === null ? '' : result.ratio.toFixed(3),
    result.low === null || result.high === null ? '' : `${result.low.toFixed(3)} – ${result.high.toFixed(3)}`,
    result.baseline === result.variant ? '(baseline)' : result.baseline,
    String(result.rounds),
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  const { machine } = report;
  return [
    `${machine.cpus} CPUs, ${machine.memoryMb} MB, kernel ${machine.kernel}, Node ${machine.node}, commit ${report.commit}`,
    format(header),
    ...lines.map(format),
  ].join('\n');
}

function rounded(value: number): number {
  return Number.isFinite(value) ? Number(value.toPrecision(4)) : value;
}

function commitOfCheckout(): string {
  const git = (...parameters: string[]): string =>
    execFileSync('git', parameters, {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  try {
    const dirty = git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '-dirty';
    return git('rev-parse', '--short=12', 'HEAD') + dirty;
  } catch {
    return 'unknown';
  }
}
