/** What we show the server, in words for the day it is refused: where it comes from, and whether its time is over. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { ApiFailure, errorMessage } from './failure.ts';

/** `the token of FILE`; of a JSON web token also that it has expired. */
export function tokenText(token: string, origin: string, nowMs: number): string {
  const text = `the token of ${origin}`;
  try {
    const { exp }: { readonly exp?: unknown } = JSON.parse(
      Buffer.from(token.split('.')[1] ?? '', 'base64url').toString(),
    );
    return typeof exp === 'number' ? text + expiry(exp * 1000, nowMs) : text;
  } catch {
    // Most tokens are just letters.
    return text;
  }
}

/** `the client certificate of FILE`, with its end where that has come. */
export function certificateText(pem: string | Buffer, origin: string, nowMs: number): string {
  const text = `the client certificate of ${origin}`;
  try {
    return text + expiry(new X509Certificate(pem).validToDate.getTime(), nowMs);
  } catch {
    return `${text}, which is no certificate`;
  }
}

function expiry(untilMs: number, nowMs: number): string {
  return untilMs > nowMs ? '' : `, which expired on ${new Date(untilMs).toISOString()}`;
}

/** A file's text. Throws ApiFailure with the remedy. */
export async function readSecret(path: string, remedy: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new ApiFailure(`${path}: can't be read (${errorMessage(error)}); ${remedy}`, { cause: error });
  }
}
