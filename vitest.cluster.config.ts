import { defineConfig } from 'vitest/config';

const REPORT = process.env.WEIR_TEST_REPORT;

/** Tests with a real API server, apart from the others: not every machine has one. */
export default defineConfig({
  test: {
    name: 'cluster',
    pool: 'forks',
    include: ['test/cluster-api/**/*.test.ts'],
    reporters: REPORT === undefined ? ['default'] : ['default', ['json', { outputFile: REPORT }]],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 1,
  },
});
