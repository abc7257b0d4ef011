/** What goes wrong in a lab, as one clear line for a person. */

/** `usage`: the caller asked for something impossible; `failed`: the machine or a process did not do its part. */
export class LabError extends Error {
  readonly kind: 'usage' | 'failed';
  constructor(kind: LabError['kind'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'LabError';
    this.kind = kind;
  }
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the error is of this code (`ENOENT` …). */
export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
