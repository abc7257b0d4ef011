import { readFileSync } from 'node:fs';

/** Weir's version, from its package.json. */
export function weirVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
