/** Builds: both addons, the pod program of the lab, the compiled JavaScript of nft-js, and the programs for the kernel. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm } from './modules.mjs';
import { ROOT, run, step } from './progress.mjs';

const REMEDY =
  'if a header or library is missing, see the requirements in README.md; otherwise this is a bug in Weir';
const NOT_SOURCES = new Set(['build', 'dist', 'node_modules', 'test', 'README.md']);

/** What is built: where its sources are, what must exist afterwards, and how it is made with a given Node. */
const ADDONS = [
  {
    name: 'nft-js',
    directory: join(ROOT, 'native', 'nft-js'),
    skip: NOT_SOURCES,
    outputs: ['build/Release/nft_js.node', 'dist/index.js'],
    make: () => npm('build-nft-js', ['run', 'build', '--workspace', 'nft-js'], REMEDY),
  },
  {
    name: 'weir',
    directory: join(ROOT, 'native'),
    skip: new Set([...NOT_SOURCES, 'nft-js']),
    outputs: ['build/Release/weir.node', 'build/Release/weir-pod'],
    make: (node) => cmake('build-weir', node, join(ROOT, 'native'), []),
  },
];

/** Each is compiled from bpf/prog/NAME.bpf.c. */
const PROGRAMS = ['policy', 'socket'];

const PARTS = [
  ...ADDONS,
  {
    name: 'bpf',
    directory: join(ROOT, 'bpf'),
    skip: NOT_SOURCES,
    outputs: PROGRAMS.map((name) => `build/${name}.bpf.o`),
    make: () => PROGRAMS.forEach(compileBpf),
  },
];

/** Builds every part whose sources changed since it was built last. `node` is the Node to build with. */
export function buildAll(node) {
  for (const part of PARTS) {
    const stamp = join(part.directory, 'build', '.weir-built');
    const wanted = sourcesHash(part);
    if (isFresh(part, stamp, wanted)) continue;
    step(`building ${part.name}`, () => part.make(node));
    mkdirSync(join(part.directory, 'build'), { recursive: true });
    writeFileSync(stamp, wanted);
  }
}

/** Builds both addons with the address and undefined-behaviour sanitizers, in `build/sanitized` beside the ordinary builds. */
export function buildSanitized(node) {
  step('building the addons with sanitizers', () => {
    for (const { name, directory } of ADDONS) {
      cmake(`build-sanitized-${name}`, node, directory, [
        '--out',
        'build/sanitized',
        '--CDWEIR_SANITIZE=ON',
        '--CDWEIR_POD=OFF',
      ]);
    }
  });
}

/** Compiles by the CMakeLists.txt in `directory`; `options` are more arguments for cmake-js. */
function cmake(name, node, directory, options) {
  const program = join(ROOT, 'node_modules', 'cmake-js', 'bin', 'cmake-js');
  run(name, node, [program, 'compile', ...options], { remedy: REMEDY, cwd: directory });
}

/** Compiles bpf/prog/NAME.bpf.c; with -g for its BTF, which the loader and the generated codecs need. */
function compileBpf(name) {
  const directory = join(ROOT, 'bpf');
  mkdirSync(join(directory, 'build'), { recursive: true });
  const options = ['-target', 'bpf', '-mcpu=v3', '-g', '-O2', '-fno-strict-aliasing'];
  const warnings = ['-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter'];
  const files = ['-c', join('prog', `${name}.bpf.c`), '-o', join('build', `${name}.bpf.o`)];
  run('build-bpf', 'clang', [...options, ...warnings, ...kernelHeaders(), ...files], {
    remedy: REMEDY,
    cwd: directory,
  });
}

/** Debian keeps the machine's own kernel headers in a folder that clang does not look into for another target. */
function kernelHeaders() {
  const { stdout } = spawnSync('g++', ['-print-multiarch'], { encoding: 'utf8' });
  const folder = stdout?.trim() ?? '';
  return folder === '' ? [] : ['-idirafter', join('/usr/include', folder)];
}

function isFresh(part, stamp, wanted) {
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== wanted) return false;
  return part.outputs.every((output) => existsSync(join(part.directory, output)));
}

/** A hash of names and contents; times say nothing after a clone or a checkout. */
function sourcesHash(part) {
  const hash = createHash('sha256').update(`${process.platform} ${process.arch}\n`);
  for (const path of sourceFiles(part.directory, part.skip))
    hash.update(`${path}\n`).update(readFileSync(path));
  return hash.digest('hex');
}

function sourceFiles(directory, skip) {
  return readdirSync(directory, { withFileTypes: true })
    .filter((entry) => !skip.has(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      return entry.isDirectory() ? sourceFiles(path, skip) : [path];
    });
}
