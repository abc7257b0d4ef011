import { defineConfig } from 'vitest/config';

const REPORT = process.env.WEIR_TEST_REPORT;

/** The container image and the manifests of deploy/, apart from the others: they need podman, buildah and an API server. */
export default defineConfig({
  test: {
    name: 'container',
    pool: 'forks',
    // As vitest.config.ts has it.
    expect: { poll: { timeout: 15_000 } },
    include: ['test/container/**/*.test.ts'],
    reporters: REPORT === undefined ? ['default'] : ['default', ['json', { outputFile: REPORT }]],
    testTimeout: 120_000,
    // The first build installs a distribution, a compiler and all packages.
    hookTimeout: 900_000,
    maxWorkers: 1,
  },
});
