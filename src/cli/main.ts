/** Runs the command line: what a command throws becomes its last line and its exit code. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';
import { CommanderError } from 'commander';
import { CommandFailure } from './exit.ts';
import { createProgram } from './program.ts';

// Stripping the types of a command's modules takes most of its start: remember them in the checkout, where that is possible.
enableCompileCache(fileURLToPath(new URL('../../.cache/compile', import.meta.url)));

/** The exit code for an error, after telling it. */
function tell(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    const message =
      error.code === 'commander.help' ? 'name a command' : error.message.replace(/^error: /, '');
    process.stderr.write(`weir: ${message}; see weir --help\n`);
    return 2;
  }
  for (const line of lines(error)) process.stderr.write(`weir: ${line}\n`);
  if (error instanceof CommandFailure) return error.exitCode;
  return error instanceof Error && 'kind' in error && error.kind === 'usage' ? 2 : 1;
}

/** Errors of ours say everything themselves; of others the causes are worth knowing too. */
const COMPLETE = ['CommandFailure', 'ControlError', 'LabError'];

function lines(error: unknown): readonly string[] {
  if (!(error instanceof Error)) return [String(error)];
  const cause =
    error.cause instanceof Error && !COMPLETE.includes(error.name) ? `: ${error.cause.message}` : '';
  return `${error.message}${cause}`.split('\n');
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

try {
  await createProgram().parseAsync();
} catch (error) {
  // Whatever a failed command left open must not keep the process from telling its exit code.
  process.exit(tell(error));
}
