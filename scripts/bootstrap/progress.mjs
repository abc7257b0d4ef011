/** Steps of the bootstrap as a person sees them: one line when a step begins, one when it ends, a remedy when it fails. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout, absolute. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const LOGS = join(ROOT, '.cache', 'logs');
const TAIL_LINES = 25;

/** Something a person has to do before Weir can run; `remedy` says what. */
export class BootstrapError extends Error {
  constructor(message, remedy, detail = '') {
    super(message);
    this.name = 'BootstrapError';
    this.remedy = remedy;
    this.detail = detail;
  }
}

/** The error as shown: what a tool said last, then the cause and the remedy on one line. */
export function explain(error) {
  const detail = error.detail === '' ? '' : `${error.detail}\n`;
  return `${detail}weir: ${error.message}: ${error.remedy}\n`;
}

/** One line on stderr, so that stdout belongs to the target alone. */
export function say(text) {
  process.stderr.write(`weir: ${text}\n`);
}

/** Says what begins, runs it, says how long it took. */
export function step(title, work) {
  const begun = Date.now();
  say(`${title} ...`);
  const result = work();
  say(`${title}: done in ${((Date.now() - begun) / 1000).toFixed(1)} s`);
  return result;
}

/**
 * Runs a command without stdin, its output kept in a log.
 * Throws a BootstrapError with the end of the output when it can't be started or fails.
 */
export function run(name, command, args, { remedy, cwd = ROOT, env = process.env }) {
  mkdirSync(LOGS, { recursive: true });
  const log = join(LOGS, `${name}.log`);
  const output = openSync(log, 'w');
  const result = spawnSync(command, args, { cwd, env, stdio: ['ignore', output, output] });
  closeSync(output);
  if (result.status === 0) return;
  const cause =
    result.error?.message ?? (result.signal ? `ended by ${result.signal}` : `exit code ${result.status}`);
  const tail = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  throw new BootstrapError(
    `'${[command, ...args].join(' ')}' failed (${cause}), all of its output is in ${log}`,
    remedy,
    tail,
  );
}
