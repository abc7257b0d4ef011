/**
 * `npm run rows [-- --json]`: which tests held which behaviour row when all tests ran last, and on which backends.
 * A test names its rows in its title: `it('[A43] ...')`. Reads the report that `npm test` leaves in test/.rows/.
 */
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One row: the tests that hold it (those that passed), and the backends among nft and bpf that these ran on. */
export interface BehaviourRow {
  readonly row: string;
  readonly tests: readonly string[];
  readonly backends: readonly string[];
}

/** The part of vitest's JSON report that matters here. */
export interface TestReport {
  readonly testResults: readonly {
    /** Absolute path of the file. */
    readonly name: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
    }[];
  }[];
}

const ROWS_IN_TITLE = /\[([A-Z]\d+(?:\s*,\s*[A-Z]\d+)*)\]/g;
// `nft-js` is a package, not a backend.
const BACKEND = /\b(nft|bpf)\b(?!-js)/g;
const REPORT = fileURLToPath(new URL('../test/.rows/report.json', import.meta.url));

/** Rows in the order of their letters, then numbers. `root` is the folder that file names are shown relative to. */
export function behaviourRows(report: TestReport, root: string): readonly BehaviourRow[] {
  const tests = new Map<string, Set<string>>();
  const backends = new Map<string, Set<string>>();
  for (const file of report.testResults) {
    for (const { ancestorTitles, title, status } of file.assertionResults) {
      const path = [relative(root, file.name), ...ancestorTitles, title].join(' > ');
      for (const row of rowsIn([...ancestorTitles, title].join(' '))) {
        const held = tests.get(row) ?? new Set();
        const on = backends.get(row) ?? new Set();
        tests.set(row, held);
        backends.set(row, on);
        if (status !== 'passed') continue;
        held.add(path);
        for (const [, backend = ''] of path.matchAll(BACKEND)) on.add(backend);
      }
    }
  }
  return [...tests.keys()].sort(compareRows).map((row) => ({
    row,
    tests: [...(tests.get(row) ?? [])].sort(),
    backends: [...(backends.get(row) ?? [])].sort(),
  }));
}

function rowsIn(title: string): readonly string[] {
  return [...title.matchAll(ROWS_IN_TITLE)].flatMap(([, list = '']) =>
    list.split(',').map((row) => row.trim()),
  );
}

function compareRows(a: string, b: string): number {
  const letter = (a[0] ?? '').localeCompare(b[0] ?? '', 'en');
  return letter || Number(a.slice(1)) - Number(b.slice(1));
}

function readReport(): TestReport | undefined {
  try {
    return JSON.parse(readFileSync(REPORT, 'utf8')) as TestReport;
  } catch {
    return undefined;
  }
}

function main(args: readonly string[]): number {
  const report = readReport();
  if (report === undefined) {
    process.stderr.write(`rows: there is no report of a test run in ${REPORT}: run 'npm test' first\n`);
    return 1;
  }
  const rows = behaviourRows(report, fileURLToPath(new URL('..', import.meta.url)));
  if (args.includes('--json')) {
    process.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    return 0;
  }
  for (const { row, tests, backends } of rows) {
    const on = backends.length === 0 ? '' : ` on ${backends.join(', ')}`;
    process.stdout.write(`${row.padEnd(5)} ${tests.length} ${tests.length === 1 ? 'test' : 'tests'}${on}\n`);
  }
  return 0;
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2));
