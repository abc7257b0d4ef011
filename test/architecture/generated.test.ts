import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { GENERATED_FILE, generatedSource } from '../../scripts/generate-abi.ts';

describe('src/generated', () => {
  it('is what the compiled programs say: node scripts/generate-abi.ts writes it anew', () => {
    expect(readFileSync(GENERATED_FILE, 'utf8')).toBe(generatedSource());
  });
});
