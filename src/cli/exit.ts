/** How commands end: 0 ok, 1 the answer is no or something failed, 2 the command was used wrongly. */

/** Ends the command with its message as one line and the given code. */
export class CommandFailure extends Error {
  readonly exitCode: 1 | 2;
  constructor(message: string, options: { exitCode: 1 | 2; cause?: unknown }) {
    super(message, { cause: options.cause });
    this.name = 'CommandFailure';
    this.exitCode = options.exitCode;
  }
}

/** The command was used wrongly: exit code 2. */
export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(message, { exitCode: 2 });
}

/** Refuses to go on without root; `what` says what root is for. */
export function requireRoot(what: string): void {
  if (process.getuid?.() === 0) return;
  throw new CommandFailure(`${what}; run it as root (sudo)`, { exitCode: 1 });
}
