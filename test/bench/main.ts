/**
 * `npm run bench`: measures Weir beside its peers on this machine and reports medians and ratios.
 *
 *   npm run bench -- [--quick] [--only NAME] [--rounds N] [--json]
 *
 * Needs root. Works in network namespaces of its own and in a temporary folder; both are gone when it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { apiServerMissing } from '../cluster-api/api-server.ts';
import { removeAbandonedNamespaces, removeNamespaces } from './namespaces.ts';
import { formatTable, reportOf, type Series } from './report.ts';
import type { Scenario } from './scenario.ts';
import { API_CHANGE } from './scenarios/api-change.ts';
import { API_RATE } from './scenarios/api-rate.ts';
import { API_RESTART } from './scenarios/api-restart.ts';
import { API_SYNC } from './scenarios/api-sync.ts';
import { CHANGE } from './scenarios/change.ts';
import { COLD } from './scenarios/cold.ts';
import { CONNECTIONS } from './scenarios/connections.ts';
import { POLICY_CHANGE } from './scenarios/policy-change.ts';
import { POLICY_COMPILE } from './scenarios/policy-compile.ts';
import { POLICY_FUZZ } from './scenarios/policy-fuzz.ts';
import { POLICY_PATH } from './scenarios/policy-path.ts';
import { POLICY_PROGRAM } from './scenarios/policy-program.ts';
import { SOCKET_HOOKS } from './scenarios/socket-hooks.ts';
import { SOCKET_LEAK } from './scenarios/socket-leak.ts';
import { SOCKET_PATH } from './scenarios/socket-path.ts';
import { SOCKET_TURNS } from './scenarios/socket-turns.ts';
import { STANDALONE_COMPLETE } from './scenarios/standalone-complete.ts';
import { STANDALONE_READINESS } from './scenarios/standalone-readiness.ts';
import { seededRandom } from './statistics.ts';

const SCENARIOS: readonly Scenario[] = [
  COLD,
  CHANGE,
  CONNECTIONS,
  API_SYNC,
  API_CHANGE,
  API_RESTART,
  API_RATE,
  POLICY_COMPILE,
  POLICY_PROGRAM,
  POLICY_PATH,
  POLICY_CHANGE,
  POLICY_FUZZ,
  SOCKET_PATH,
  SOCKET_TURNS,
  SOCKET_HOOKS,
  SOCKET_LEAK,
  STANDALONE_COMPLETE,
  STANDALONE_READINESS,
];

const USAGE = `usage: npm run bench -- [--quick] [--only NAME] [--rounds N] [--json]
${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(20)} ${about}`).join('\n')}
`;

async function main(): Promise<number> {
  const options = parseOptions();
  if (options === null) return usage('');
  const chosen = SCENARIOS.filter(({ name }) => options.only === undefined || options.only === name);
  if (chosen.length === 0) return usage(`there is no scenario named ${options.only}`);
  if (process.getuid?.() !== 0) return usage('namespaces and nftables need root: run as root');

  removeAbandonedNamespaces();
  const folder = mkdtempSync(join(tmpdir(), 'weir-bench-'));
  const clean = (): void => {
    removeNamespaces();
    rmSync(folder, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      clean();
      process.exit(130);
    });
  }
  try {
    const series: Series[] = [];
    for (const scenario of chosen) {
      const progress = (message: string): boolean => process.stderr.write(`${scenario.name}: ${message}\n`);
      const missing = scenario.needsApiServer ? apiServerMissing() : null;
      if (missing !== null) {
        progress(`left out: ${missing}`);
        continue;
      }
      series.push(...(await scenario.run({ ...options, folder, random: seededRandom(1), progress })));
    }
    const report = reportOf(series);
    process.stdout.write(options.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatTable(report)}\n`);
    return 0;
  } finally {
    clean();
  }
}

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly only: string | undefined;
  readonly rounds: number | undefined;
}

function parseOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        only: { type: 'string' },
        rounds: { type: 'string' },
      },
    });
    if (values.rounds !== undefined && !/^[1-9]\d{0,3}$/.test(values.rounds)) return null;
    const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
    return { quick: values.quick, json: values.json, only: values.only, rounds };
  } catch {
    return null;
  }
}

function usage(problem: string): number {
  process.stderr.write(problem === '' ? USAGE : `bench: ${problem}\n${USAGE}`);
  return 2;
}

process.exitCode = await main();
