import { describe, expect, it } from 'vitest';
import { nativeFunctions, scriptFunctions } from './function-lengths.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';

const FILE_LINES = 400;
const USUAL_FILE_LINES = 200;
const FUNCTION_LINES = 60;

const scripts = [
  'src',
  'test',
  'scripts',
  'native/nft-js/src',
  'native/nft-js/test',
  'native/nft-js/scripts',
].flatMap((folder) => sourceFiles(folder, ['.ts', '.mjs', '.js']));
const native = ['native', 'bpf', 'test'].flatMap((folder) => sourceFiles(folder, ['.c', '.cc', '.h']));

function linesOf(file: SourceFile): number {
  return file.text.trimEnd().split('\n').length;
}

describe('sizes', () => {
  it('no file is longer than 400 lines', () => {
    const long = [...scripts, ...native].filter((file) => linesOf(file) > FILE_LINES);
    expect(long.map((file) => `${file.path}: ${linesOf(file)}`)).toEqual([]);
  });

  it('most files are shorter than 200 lines', () => {
    const files = [...scripts, ...native];
    const long = files.filter((file) => linesOf(file) >= USUAL_FILE_LINES);
    expect(long.length / files.length).toBeLessThan(0.2);
  });

  it('every function of TypeScript and JavaScript fits a screen', () => {
    const long = scripts.flatMap(scriptFunctions).filter(({ lines }) => lines > FUNCTION_LINES);
    expect(long).toEqual([]);
  });

  it('every function of C and C++ fits a screen', () => {
    const functions = native.flatMap(nativeFunctions);
    expect(functions.length).toBeGreaterThan(0);
    expect(functions.filter(({ lines }) => lines > FUNCTION_LINES)).toEqual([]);
  });
});

describe('function lengths', () => {
  it('are counted from the first to the last line, nested functions by themselves', () => {
    const text = 'export function a() {\n  const b = () => {\n    return 1;\n  };\n  return b;\n}\n';
    expect(scriptFunctions({ path: 'a.ts', text })).toEqual([
      { place: 'a.ts:1', lines: 6 },
      { place: 'a.ts:2', lines: 3 },
    ]);
  });

  it('leave out the suite around tests, not the tests', () => {
    const text = "describe('a', () => {\n  it('b', () => {\n    run();\n  });\n});\n";
    expect(scriptFunctions({ path: 'a.test.ts', text })).toEqual([{ place: 'a.test.ts:2', lines: 3 }]);
  });

  it('of C++ end with the brace below the first line', () => {
    const text =
      'namespace a {\nint b(int c) {\n  if (c) {\n    return 1;\n  }\n  return 2;\n}\n}  // namespace a\n';
    expect(nativeFunctions({ path: 'a.cc', text })[0]).toEqual({ place: 'a.cc:2', lines: 6 });
    const wrapped =
      'int b(int c,\n      int d) {\n  return c + d;\n}\nclass E {\n  int f() const {\n    return 1;\n  }\n};\n';
    expect(nativeFunctions({ path: 'a.cc', text: wrapped })).toEqual([
      { place: 'a.cc:1', lines: 4 },
      { place: 'a.cc:6', lines: 3 },
    ]);
  });
});
