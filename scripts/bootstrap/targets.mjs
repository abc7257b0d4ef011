/** What can be run once everything is in place. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { delimiter, join } from 'node:path';
import { leftovers } from './leftovers.mjs';
import { ROOT, say } from './progress.mjs';

/**
 * The targets: `program` and its arguments before the user's, run with the project's Node. `checksLeftovers` compares
 * the machine before and after a whole run; `report` is the file in test/.rows/ that a whole run leaves.
 */
export const TARGETS = {
  start: { needsRoot: true, program: ['src/cli/main.ts', 'start'], checksLeftovers: false },
  test: {
    needsRoot: true,
    program: ['node_modules/vitest/vitest.mjs', 'run'],
    checksLeftovers: true,
    report: 'report.json',
  },
  'test:cluster': {
    needsRoot: true,
    program: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.cluster.config.ts'],
    checksLeftovers: true,
    report: 'cluster.json',
  },
  'test:container': {
    needsRoot: true,
    program: ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.container.config.ts'],
    checksLeftovers: true,
    report: 'container.json',
  },
  bench: { needsRoot: true, program: ['test/bench/main.ts'], checksLeftovers: false },
  build: { needsRoot: false, program: null, checksLeftovers: false },
};

/** Runs a target to its end and returns its exit code; with leftovers, 1. */
export async function runTarget(node, target, args) {
  if (target.program === null) return 0;
  // A run of some suites only is a developer's, who may have a lab up beside it; it is no report on all rows either.
  const checks = target.checksLeftovers && args.length === 0;
  const before = checks ? new Set(leftovers()) : new Set();
  const [program, ...fixed] = target.program;
  const variables = checks
    ? { WEIR_TEST_REPORT: process.env.WEIR_TEST_REPORT ?? join(ROOT, 'test', '.rows', target.report) }
    : {};
  const code = await runProgram(node, [join(ROOT, program), ...fixed, ...args], variables);
  const left = checks ? leftovers().filter((entry) => !before.has(entry)) : [];
  for (const entry of left) say(`left behind by the run: ${entry}`);
  return left.length > 0 ? code || 1 : code;
}

function runProgram(node, args, variables) {
  const env = {
    ...process.env,
    ...variables,
    PATH: `${join(node, '..')}${delimiter}${process.env.PATH ?? ''}`,
  };
  const child = spawn(node, args, { cwd: ROOT, env, stdio: 'inherit' });
  // Ctrl-C reaches the child by itself (same process group); this process only has to outlive it.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  process.on('SIGHUP', () => child.kill('SIGHUP'));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code, signal) => resolve(signal === null ? code : 128 + constants.signals[signal]));
  });
}
