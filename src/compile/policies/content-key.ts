/** Names made of content: equal content has the same name on every node and after every restart. */
import { createHash } from 'node:crypto';

/** 132 bits of a hash, as text: nobody can choose labels so that two of them meet. */
export function contentKey(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 22);
}
