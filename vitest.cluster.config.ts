import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { defineConfig, type TestProjectInlineConfiguration } from 'vitest/config';

const { KUBECONFIG, WEIR_APISERVER, WEIR_TEST_REPORT: REPORT, CI } = process.env;
const SCRIPTS = WEIR_APISERVER ?? fileURLToPath(new URL('../shared/apiserver', import.meta.url));

/** Suites of labs on that server beside them. */
const ON_A_SERVER = ['services', 'both-sources'].map((name) => `test/cluster-api/${name}.test.ts`);

/** As vitest.config.ts has it: CI asks once more what moves packets. */
const PATIENCE = { testTimeout: 120_000, hookTimeout: 120_000, retry: CI === undefined ? 0 : 1 };

/** The service rows of test/e2e once more: the lab's objects are at the API server of KUBECONFIG, which agents follow. */
const SERVICES: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'services',
    include: ['test/e2e/**/*.test.ts', ...ON_A_SERVER],
    env: { WEIR_E2E_KUBECONFIG: KUBECONFIG },
    ...PATIENCE,
  },
};

/** Suites that start, stop and break API servers of their own, in namespaces of their own. */
const SERVERS: TestProjectInlineConfiguration = {
  extends: true,
  test: {
    name: 'servers',
    include: ['test/cluster-api/**/*.test.ts'],
    exclude: ON_A_SERVER,
    ...PATIENCE,
  },
};

function projects(): readonly TestProjectInlineConfiguration[] {
  const [hasServer, hasScripts] = [KUBECONFIG !== undefined, existsSync(`${SCRIPTS}/run.sh`)];
  if (!hasServer && !hasScripts)
    throw new Error(
      'there is no API server to test with: name a kubeconfig by KUBECONFIG, or a folder with run.sh and stop.sh by WEIR_APISERVER',
    );
  if (!hasServer) console.warn('left out: the service rows; name a kubeconfig by KUBECONFIG');
  if (!hasScripts) console.warn(`left out: suites that start API servers; there is no ${SCRIPTS}`);
  return [...(hasServer ? [SERVICES] : []), ...(hasScripts ? [SERVERS] : [])];
}

/** Tests with a real API server, apart from the others: not every machine has one. */
export default defineConfig({
  test: {
    pool: 'forks',
    // As vitest.config.ts has it.
    expect: { poll: { timeout: 15_000 } },
    reporters: REPORT === undefined ? ['default'] : ['default', ['json', { outputFile: REPORT }]],
    // Labs at one API server would see each other's nodes.
    maxWorkers: 1,
    projects: [...projects()],
  },
});
