import { defineConfig } from 'vitest/config';

/** Suites that make network namespaces and move packets. */
const PACKETS = [
  'test/e2e/**/*.test.ts',
  'test/lab/**/*.test.ts',
  'test/dataplane/**/*.test.ts',
  'test/native/**/*.test.ts',
  'test/agent/**/*.test.ts',
  'test/packet/**/*.test.ts',
  'test/cli/start.test.ts',
  'test/nft-js-package.test.ts',
  'native/nft-js/test/**/*.test.ts',
];

/** Suites that need an API server: vitest.cluster.config.ts and vitest.container.config.ts run them. */
const CLUSTER = ['test/cluster-api/**/*.test.ts', 'test/container/**/*.test.ts'];

const { WEIR_TEST_REPORT: REPORT, CI } = process.env;

/** A machine that stands still for seconds fails what moves packets: CI asks once more, and its report names who needed that. */
const RETRIES = CI === undefined ? 0 : 1;

export default defineConfig({
  test: {
    pool: 'forks',
    // A machine that stands still for a second is no answer.
    expect: { poll: { timeout: 15_000 } },
    // `npm test` asks for the report of a whole run, which `npm run rows` reads.
    reporters: REPORT === undefined ? ['default'] : ['default', ['json', { outputFile: REPORT }]],
    projects: [
      {
        extends: true,
        test: {
          name: 'pure',
          include: ['test/**/*.test.ts'],
          exclude: [...PACKETS, ...CLUSTER],
          testTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: 'packets',
          include: PACKETS,
          testTimeout: 120_000,
          hookTimeout: 120_000,
          // Namespaces, agents and traffic of more than two suites would only wait for each other.
          maxWorkers: 2,
          retry: RETRIES,
        },
      },
    ],
  },
});
