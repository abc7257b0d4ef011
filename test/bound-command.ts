/** Commands that tests run beside themselves. */

/**
 * The command that runs this one until the process that started it ends, however it does: an orphan would hold the output it
 * inherited open, and whoever reads that would wait for ever. Its process id is the command's own.
 */
export function boundToParent(command: string, parameters: readonly string[]): [string, readonly string[]] {
  return ['setpriv', ['--pdeathsig', 'KILL', command, ...parameters]];
}
