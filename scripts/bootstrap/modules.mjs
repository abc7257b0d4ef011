/** npm packages, and among them the Node that Weir runs on. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { BootstrapError, ROOT, run, step } from './progress.mjs';

const MODULES = join(ROOT, 'node_modules');
const STAMP = join(MODULES, '.weir-modules');
/** The project's own Node, once installed. */
export const PROJECT_NODE = join(MODULES, 'node', 'bin', 'node');

const REGISTRY_REMEDY =
  'check that the npm registry can be reached (npm ping) and that the disk is not full, then try again';

/** Makes node_modules match package-lock.json; does nothing when it already does. Returns the project's Node. */
export function installModules() {
  const wanted = modulesStamp();
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === wanted && existsSync(PROJECT_NODE))
    return PROJECT_NODE;
  step('installing npm packages (npm ci)', () =>
    npm('npm-ci', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], REGISTRY_REMEDY),
  );
  step(`installing Node ${wantedNode()} for this project`, installNode);
  recordModules();
  return PROJECT_NODE;
}

/** Remembers that node_modules matches package-lock.json. */
export function recordModules() {
  writeFileSync(STAMP, modulesStamp());
}

/** Runs npm, the one this was started by where there is one. Throws a BootstrapError when it fails. */
export function npm(name, args, remedy) {
  const { npm_execpath: script, npm_node_execpath: node } = process.env;
  if (script?.endsWith('.js') && node && existsSync(script) && existsSync(node)) {
    run(name, node, [script, ...args], { remedy, env: machineEnvironment() });
  } else {
    run(name, 'npm', args, { remedy, env: machineEnvironment() });
  }
}

/**
 * The package `node` fetches its binary in a script of its own. Scripts are off during `npm ci` (no other package needs
 * one, and newer versions of npm ask for leave), so it is run here.
 */
function installNode() {
  run('node', machineNode(), ['installArchSpecificPackage.js'], {
    remedy: REGISTRY_REMEDY,
    cwd: join(MODULES, 'node'),
    env: machineEnvironment(),
  });
  // npm made no link, since there was no binary yet; with it, npm's scripts run this Node.
  const link = join(MODULES, '.bin', 'node');
  rmSync(link, { force: true });
  symlinkSync(join('..', 'node', 'bin', 'node'), link);
  const check = spawnSync(PROJECT_NODE, ['--version'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (check.stdout?.trim() !== `v${wantedNode()}`) {
    throw new BootstrapError(
      `the project's Node does not start (${check.error?.message ?? check.stderr.trim()})`,
      'its binary needs glibc 2.28 or newer on x64 or arm64',
    );
  }
}

/** Never the Node inside node_modules: `npm ci` removes that while it runs. */
function machineNode() {
  const { npm_node_execpath: node } = process.env;
  if (!process.execPath.startsWith(MODULES)) return process.execPath;
  return node && !node.startsWith(MODULES) && existsSync(node) ? node : 'node';
}

/** The environment without node_modules/.bin in PATH, for the same reason. */
function machineEnvironment() {
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.startsWith(MODULES));
  return { ...process.env, PATH: path.join(delimiter) };
}

function wantedNode() {
  return JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).dependencies.node;
}

/** Only what decides about node_modules: editing a script in package.json must not install everything again. */
function modulesStamp() {
  const lock = readFileSync(join(ROOT, 'package-lock.json'));
  return createHash('sha256').update(lock).update(`${process.platform} ${process.arch}`).digest('hex');
}
