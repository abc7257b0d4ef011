/**
 * What .ci/run does, from a clean clone: bootstrap, lint, types, the addons' tests under sanitizers, all tests, those with
 * an API server and those of the container image. The last line on stdout is `N passed, N failed`; a step that is not a test
 * counts as one failure when it fails.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildAll, buildSanitized } from './bootstrap/build.mjs';
import { installModules } from './bootstrap/modules.mjs';
import { installSystemPackages } from './bootstrap/packages.mjs';
import { BootstrapError, explain, ROOT, say, step } from './bootstrap/progress.mjs';

const SANITIZED_REPORT = join(ROOT, 'test', '.rows', 'sanitized.json');
const REPORT = join(ROOT, 'test', '.rows', 'report.json');
const CLUSTER_REPORT = join(ROOT, 'test', '.rows', 'cluster.json');
const CONTAINER_REPORT = join(ROOT, 'test', '.rows', 'container.json');

/** On the loopback; the server's store takes the next two. */
const SERVER_PORT = '16643';

const SUPPRESSIONS = join(ROOT, 'scripts', 'sanitizer-suppressions.txt');

/** Of one of the test runs, the longest of which takes 20 minutes on two quiet cores. */
const LONGEST_RUN_SECONDS = 35 * 60;
/** From the request to end until the kill. */
const PATIENCE_SECONDS = 30;

const totals = { passed: 0, failed: 0 };

/** Runs a command with its output shown; false, after a line that says so, when it fails. */
function succeeds(title, command, args, env = {}) {
  const { status } = step(title, () =>
    spawnSync(command, args, {
      cwd: ROOT,
      env: { ...process.env, CI: 'true', NO_COLOR: '1', ...env },
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  );
  if (status !== 0) say(`${title}: FAILED`);
  return status === 0;
}

function check(title, command, args) {
  if (!succeeds(title, command, args)) totals.failed += 1;
}

/**
 * Runs tests and adds what their report says; a run that fails without a failed test counts as one failure. One that
 * hangs is ended with all its processes: the steps after it have their time.
 */
function test(title, report, command, args, env = {}) {
  rmSync(report, { force: true });
  const bounded = [`--kill-after=${PATIENCE_SECONDS}`, String(LONGEST_RUN_SECONDS), command, ...args];
  const succeeded = succeeds(title, 'timeout', bounded, { ...env, WEIR_TEST_REPORT: report });
  const result = existsSync(report) ? JSON.parse(readFileSync(report, 'utf8')) : {};
  const failed = result.numFailedTests ?? 0;
  totals.passed += result.numPassedTests ?? 0;
  totals.failed += failed === 0 && !succeeded ? 1 : failed;
}

function testSanitized(node) {
  buildSanitized(node);
  const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim();
  test(
    "the addons' tests under the address and undefined-behaviour sanitizers",
    SANITIZED_REPORT,
    node,
    ['node_modules/vitest/vitest.mjs', 'run', 'native/nft-js/test', 'test/native'],
    {
      NODE_OPTIONS: `--import ${join(ROOT, 'scripts', 'sanitized-addons.mjs')}`,
      LD_PRELOAD: library,
      // Node itself frees little at its end, so leaks can't be told apart here.
      ASAN_OPTIONS: 'detect_leaks=0',
      UBSAN_OPTIONS: `halt_on_error=1:print_stacktrace=1:suppressions=${SUPPRESSIONS}`,
    },
  );
}

/** The API server's folder, built; undefined, and that is said, without sources beside the checkout or when they fail. */
function apiServer() {
  const sources = join(ROOT, '..', 'shared', 'apiserver');
  if (!existsSync(sources)) {
    say(`tests with an API server: left out, there is no ${sources}`);
    return undefined;
  }
  if (succeeds('the API server', join(sources, 'build.sh'), [])) return sources;
  totals.failed += 1;
  return undefined;
}

/** One server for the service rows; the suites that break servers start their own. */
function testCluster(server) {
  const folder = mkdtempSync(join(tmpdir(), 'weir-ci-'));
  try {
    if (succeeds('starting the API server', join(server, 'run.sh'), [folder, SERVER_PORT])) {
      test(
        'tests with an API server (npm run test:cluster)',
        CLUSTER_REPORT,
        'npm',
        ['run', 'test:cluster'],
        {
          WEIR_APISERVER: server,
          KUBECONFIG: join(folder, 'kubeconfig'),
        },
      );
    } else totals.failed += 1;
  } finally {
    succeeds('stopping the API server', join(server, 'stop.sh'), [folder]);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Where the distribution has no container engine these tests are left out, and that is said. */
function testContainer(server) {
  const title = 'tests of the container image';
  try {
    installSystemPackages('test:container');
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    say(`${title}: left out, ${error.message}`);
    return;
  }
  test(title, CONTAINER_REPORT, 'node', ['scripts/bootstrap.mjs', 'test:container'], {
    WEIR_APISERVER: server,
  });
}

function main() {
  installSystemPackages('test');
  const node = installModules();
  buildAll(node);
  check('lint', 'npm', ['run', '--silent', 'lint']);
  check('types', 'npm', ['run', '--silent', 'types']);
  testSanitized(node);
  test('all tests (npm test)', REPORT, 'npm', ['test']);
  const server = apiServer();
  if (server === undefined) return;
  testCluster(server);
  testContainer(server);
}

try {
  main();
} catch (error) {
  totals.failed += 1;
  process.stderr.write(error instanceof BootstrapError ? explain(error) : `${error.stack}\n`);
}
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
process.stdout.write(`${totals.passed} passed, ${totals.failed} failed\n`);
