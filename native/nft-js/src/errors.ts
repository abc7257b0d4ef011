/** The error every failure of the kernel or of libnftables ends in. */
import { getSystemErrorMap } from 'node:util';

/** Errors of nftables which libuv has no or another name for. */
const KERNEL_ERRORS: ReadonlyMap<number, readonly [code: string, message: string]> = new Map([
  [85, ['ERESTART', 'the ruleset has changed meanwhile']],
  [95, ['EOPNOTSUPP', 'operation not supported']],
]);

/** The name and meaning of a positive errno. */
export function describeErrno(errno: number): readonly [code: string, message: string] {
  return KERNEL_ERRORS.get(errno) ?? getSystemErrorMap().get(-errno) ?? [`E${errno}`, 'unknown error'];
}

export interface NftErrorDetails {
  /** Positive errno; 0 when a text command was refused without one. */
  readonly errno: number;
  readonly operation: string;
  readonly object: string;
  /** What the kernel or libnftables said beyond the errno. */
  readonly explanation?: string;
  readonly cause?: unknown;
}

/** The kernel refused an operation, or it could not be asked. */
export class NftError extends Error {
  override readonly name = 'NftError';
  /** Name of the errno, such as `ENOENT`. */
  readonly code: string;
  /** Positive errno. */
  readonly errno: number;
  /** What was done: `commit`, `listRules`, `open` ... */
  readonly operation: string;
  /** The command that failed, printed, or the object that was asked for. */
  readonly object: string;

  constructor(details: NftErrorDetails) {
    const [code, meaning] = describeErrno(details.errno);
    const reason = details.explanation ? `${meaning}: ${details.explanation}` : meaning;
    super(`${details.operation} failed with ${code} (${reason}) at: ${details.object}`, {
      cause: details.cause,
    });
    this.code = code;
    this.errno = details.errno;
    this.operation = details.operation;
    this.object = details.object;
  }
}

/** Wraps an error of the native part, which carries `errno`; others are given back as they are. */
export function toNftError(error: unknown, operation: string, object: string): unknown {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error;
  return new NftError({ errno: error.errno, operation, object, explanation: error.message, cause: error });
}
