import { readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { generatedSources } from '../../scripts/generate-abi.ts';

describe('src/generated', () => {
  it.each([...generatedSources()].map(([path, text]) => [relative(process.cwd(), path), text] as const))(
    '%s is what the compiled programs say: node scripts/generate-abi.ts writes it anew',
    (path, text) => {
      expect(readFileSync(path, 'utf8')).toBe(text);
    },
  );
});
