import { dirname, join, normalize } from 'node:path/posix';
import { describe, expect, it } from 'vitest';
import { type SourceFile, sourceFiles } from './source-files.ts';

/** The rooms of src/ and the rooms each may import, besides itself. Data moves down this list. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  model: [],
  source: ['model'],
  cluster: ['model'],
  world: ['model'],
  compile: ['model'],
  plan: ['model'],
  generated: [],
  kernel: ['model', 'generated'],
  dataplane: ['model', 'plan', 'kernel', 'generated'],
  agent: ['model', 'source', 'cluster', 'world', 'compile', 'plan', 'kernel', 'dataplane'],
  explain: ['model', 'source', 'cluster', 'world', 'compile', 'plan', 'dataplane'],
  lab: ['model', 'source', 'cluster', 'kernel'],
  cli: [
    'model',
    'source',
    'cluster',
    'world',
    'compile',
    'plan',
    'kernel',
    'dataplane',
    'agent',
    'explain',
    'lab',
  ],
};

/** Rooms that only compute: time, randomness and I/O come in as arguments. */
const PURE_ROOMS = ['model', 'cluster', 'world', 'compile', 'plan'];
const IMPURE =
  /\bDate\.now\(|\bMath\.random\(|\bnew Date\(\)|\bperformance\.now\(|\bprocess\.|\bset(?:Timeout|Interval)\(/;
const PURE_MODULES = new Set(['node:net', 'node:crypto', 'node:buffer', 'node:util']);

/** Folders of native/, each with those it may include. */
const NATIVE: Readonly<Record<string, readonly string[]>> = {
  core: ['core'],
  link: ['core', 'link'],
  bpf: ['core', 'bpf'],
  binding: ['core', 'link', 'bpf', 'binding'],
};

/** Folders of bpf/, likewise. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  abi: ['abi'],
  maps: ['abi', 'maps'],
  lib: ['abi', 'maps', 'lib'],
  prog: ['abi', 'maps', 'lib', 'prog'],
};

const IMPORT = /(?:^|\n)\s*(?:import|export)\b[^'";]*?from\s*'([^']+)'|\bimport\s*\(?\s*'([^']+)'/g;

function importsOf(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? '');
}

/** The imported file, relative to the checkout; undefined for packages. */
function target(file: SourceFile, specifier: string): string | undefined {
  return specifier.startsWith('.') ? normalize(join(dirname(file.path), specifier)) : undefined;
}

function roomOf(path: string): string {
  return path.split('/')[1] ?? '';
}

const source = sourceFiles('src', ['.ts']);

describe('rooms of src/', () => {
  it('are all in the table', () => {
    expect(source.length).toBeGreaterThan(0);
    expect([...new Set(source.map((file) => roomOf(file.path)))].filter((room) => !(room in ROOMS))).toEqual(
      [],
    );
  });

  it.each(Object.keys(ROOMS))('%s imports only what the table allows', (room) => {
    const wrong = source
      .filter((file) => roomOf(file.path) === room)
      .flatMap((file) =>
        importsOf(file).map((specifier) => ({ file: file.path, to: target(file, specifier) })),
      )
      .filter(({ to }) => to !== undefined && !isAllowed(room, to))
      .map(({ file, to }) => `${file} imports ${to}`);
    expect(wrong).toEqual([]);
  });

  it.each(PURE_ROOMS)('%s takes time, randomness and I/O as arguments', (room) => {
    const files = source.filter((file) => roomOf(file.path) === room);
    const modules = files.flatMap((file) =>
      importsOf(file)
        .filter((name) => name.startsWith('node:') && !PURE_MODULES.has(name))
        .map((name) => `${file.path} imports ${name}`),
    );
    expect(modules).toEqual([]);
    expect(files.filter((file) => IMPURE.test(withoutComments(file.text))).map((file) => file.path)).toEqual(
      [],
    );
  });

  it('reach the addons through src/kernel/native.ts alone', () => {
    const wrong = source
      .filter((file) => file.path !== 'src/kernel/native.ts')
      .filter((file) => importsOf(file).some(isAddon) || /\bcreateRequire\b|\.node['"`]/.test(file.text));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('are not imported by anything outside the tests that is not the command line', () => {
    const wrong = source.filter((file) => importsOf(file).some((specifier) => specifier.includes('/test/')));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });
});

describe('test/oracle', () => {
  it('judges on its own: of src/ it knows the words of the model only', () => {
    const wrong = sourceFiles('test/oracle', ['.ts'])
      .filter((file) => !file.path.endsWith('.test.ts'))
      .flatMap((file) =>
        importsOf(file).map((specifier) => ({ file: file.path, to: target(file, specifier) })),
      )
      .filter(({ to }) => to?.startsWith('src/') && !to.startsWith('src/model/'))
      .map(({ file, to }) => `${file} imports ${to}`);
    expect(wrong).toEqual([]);
  });
});

describe('folders of native/', () => {
  it.each(Object.keys(NATIVE))('%s includes only what stands to its left', (folder) => {
    const files = sourceFiles(`native/${folder}`, ['.cc', '.h']);
    expect(files.length).toBeGreaterThan(0);
    const wrong = files.flatMap((file) =>
      ownIncludes(file)
        .filter((include) => !(NATIVE[folder] ?? []).includes(include.split('/')[0] ?? ''))
        .map((include) => `${file.path} includes ${include}`),
    );
    expect(wrong).toEqual([]);
  });

  it('keep Node-API in binding/ and the export table', () => {
    const wrong = sourceFiles('native', ['.cc', '.h'])
      .filter((file) => /#include <(?:napi|node_api|uv)\b/.test(file.text))
      .filter((file) => file.path !== 'native/addon.cc' && !file.path.includes('/binding/'));
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  it('have an export table that includes bindings only', () => {
    const [table] = sourceFiles('native', ['addon.cc']).filter((file) => file.path === 'native/addon.cc');
    expect(table === undefined ? ['no addon.cc'] : ownIncludes(table)).toEqual(
      expect.arrayContaining([expect.stringMatching(/^binding\//)]),
    );
    expect(table && ownIncludes(table).filter((include) => !include.startsWith('binding/'))).toEqual([]);
  });
});

describe('folders of bpf/', () => {
  it.each(Object.keys(PROGRAMS))('%s includes only what stands to its left', (folder) => {
    const files = sourceFiles(`bpf/${folder}`, ['.c', '.h']);
    expect(files.length).toBeGreaterThan(0);
    const wrong = files.flatMap((file) =>
      ownIncludes(file)
        .map((include) => normalize(join(dirname(file.path), include)).split('/'))
        .filter(([top, to = '']) => top !== 'bpf' || !(PROGRAMS[folder] ?? []).includes(to))
        .map((to) => `${file.path} includes ${to.join('/')}`),
    );
    expect(wrong).toEqual([]);
  });
});

function isAllowed(room: string, path: string): boolean {
  if (!path.startsWith('src/')) return false;
  const to = roomOf(path);
  return to === room || (ROOMS[room] ?? []).includes(to);
}

function isAddon(specifier: string): boolean {
  return specifier === 'nft-js' || specifier.startsWith('nft-js/') || specifier.includes('native/');
}

function ownIncludes(file: SourceFile): readonly string[] {
  return [...file.text.matchAll(/^#include "([^"]+)"/gm)].map((match) => match[1] ?? '');
}

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}
