import { defineConfig } from 'vitest/config';

/** Suites that make network namespaces and move packets. */
const PACKETS = [
  'test/e2e/**/*.test.ts',
  'test/lab/**/*.test.ts',
  'test/dataplane/**/*.test.ts',
  'test/native/**/*.test.ts',
  'test/agent/**/*.test.ts',
  'test/packet/**/*.test.ts',
  'test/nft-js-package.test.ts',
  'native/nft-js/test/**/*.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // `npm run rows` reads the report of the last run.
    reporters: [
      'default',
      ['json', { outputFile: process.env.WEIR_TEST_REPORT ?? 'test/.rows/report.json' }],
    ],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: PACKETS,
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'packets',
          include: PACKETS,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Namespaces, agents and traffic of more than two suites would only wait for each other.
          maxWorkers: 2,
        },
      },
    ],
  },
});
