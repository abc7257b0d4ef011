import { describe, expect, it } from 'vitest';
import { sourceFiles } from './source-files.ts';

const tests = ['test', 'native/nft-js/test'].flatMap((folder) => sourceFiles(folder, ['.test.ts']));
const texts = ['src', 'test', 'scripts', 'native', 'bpf', 'docs', 'examples']
  .flatMap((folder) => sourceFiles(folder, ['.ts', '.mjs', '.js', '.cc', '.c', '.h', '.txt', '.md', '.yaml']))
  .filter((file) => file.path !== 'test/architecture/titles.test.ts');

describe('tests', () => {
  it('are all run: none is skipped, postponed or alone', () => {
    const left =
      /\b(?:it|test|describe|suite)\s*\.\s*(?:skip|only|todo|fails|skipIf|runIf)\b|\bx(?:it|describe)\(|\bctx\.skip\(/;
    expect(tests.length).toBeGreaterThan(0);
    expect(tests.filter((file) => left.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it('name behaviour rows in the form that npm run rows reads', () => {
    const wrong = tests.flatMap((file) =>
      [...file.text.matchAll(/\b(?:it|test|describe)(?:\.each\([^)]*\))?\(\s*['"`](\[[^'"`\]]*\])/g)]
        .map((match) => match[1] ?? '')
        .filter((rows) => !/^\[[A-Z]\d+(?:, ?[A-Z]\d+)*\]$/.test(rows))
        .map((rows) => `${file.path}: ${rows}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('texts', () => {
  it('leave nothing for later', () => {
    const later = new RegExp(`\\b(?:${['TODO', 'FIXME', 'XXX'].join('|')})\\b`);
    expect(texts.filter((file) => later.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it('hold no path of a machine', () => {
    const machine = /(?<![\w.$}])\/(?:home|root|Users|work)\/[a-z]/;
    expect(texts.filter((file) => machine.test(file.text)).map((file) => file.path)).toEqual([]);
  });
});
