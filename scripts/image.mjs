/**
 * Lays out the files of the container image in a folder, from a checkout that is built: the command line and what it
 * needs at run time. Nothing that only builds, tests or describes.
 *
 * Usage: node scripts/image.mjs FOLDER
 */
import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { ROOT } from './bootstrap/progress.mjs';

/** Where the checkout's paths are in the image. */
const HOME = 'opt/weir';

/** Files and folders besides the packages of npm. */
const OWN = [
  'LICENSE',
  'package.json',
  'weir',
  'src',
  'bpf/build',
  'native/build/Release/weir.node',
  'node_modules/node/bin/node',
  'node_modules/nft-js/package.json',
  'node_modules/nft-js/dist',
  'node_modules/nft-js/build/Release/nft_js.node',
];

/** Dependencies that are copied above, or that only build the addons. */
const NOT_COPIED = new Set(['cmake-js', 'nft-js', 'node', 'node-addon-api']);

/** What of a package runs, and its licence; the rest is types, source maps, sources and documents. */
const RUNS = new Set(['.js', '.cjs', '.mjs', '.json']);
const LICENCE = /^(licen[cs]e|notice|copying)/i;

/** The packages that ours need when they run, and theirs: folders below the checkout. */
function runtimePackages() {
  const found = new Set();
  const visit = (name, from) => {
    const folder = packageFolder(name, from);
    if (found.has(folder)) return;
    found.add(folder);
    for (const each of dependencies(folder)) visit(each, folder);
  };
  for (const name of dependencies('.')) if (!NOT_COPIED.has(name)) visit(name, '.');
  return [...found];
}

function dependencies(folder) {
  return Object.keys(JSON.parse(readFileSync(join(ROOT, folder, 'package.json'), 'utf8')).dependencies ?? {});
}

/** As Node looks for it: in the node_modules of the folder, else of one above. */
function packageFolder(name, from) {
  const folder = join(from, 'node_modules', name);
  if (existsSync(join(ROOT, folder, 'package.json'))) return folder;
  if (from === '.') throw new Error(`the package ${name} is not installed: run npm run build first`);
  return packageFolder(name, dirname(from));
}

function copy(path, target, wanted) {
  cpSync(join(ROOT, path), join(target, HOME, path), {
    recursive: true,
    dereference: true,
    filter: (source) => statSync(source).isDirectory() || wanted(source),
  });
}

function main([target]) {
  if (target === undefined) throw new Error('name the folder to lay the image out in');
  for (const path of OWN) copy(path, target, (file) => !/\.(md|d\.ts|weir-built)$/.test(file));
  for (const folder of runtimePackages()) {
    copy(folder, target, (file) => RUNS.has(extname(file)) || LICENCE.test(basename(file)));
  }
  // A seventh of Node's binary are names for debuggers.
  execFileSync('strip', ['--strip-unneeded', join(target, HOME, 'node_modules/node/bin/node')]);
  const commands = join(target, 'usr/local/bin');
  mkdirSync(commands, { recursive: true });
  symlinkSync(join('/', HOME, 'weir'), join(commands, 'weir'));
}

main(process.argv.slice(2));
