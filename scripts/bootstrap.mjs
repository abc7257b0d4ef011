/**
 * The first thing that runs on a fresh machine: plain JavaScript for the machine's own Node (18 or newer), no packages.
 * It brings what is missing (system packages, npm packages, builds) and then runs the target with the project's Node.
 *
 * Usage: node scripts/bootstrap.mjs start|test|test:cluster|test:container|bench|build [arguments for the target]
 */
import { buildAll } from './bootstrap/build.mjs';
import { installModules } from './bootstrap/modules.mjs';
import { installSystemPackages } from './bootstrap/packages.mjs';
import { BootstrapError, explain } from './bootstrap/progress.mjs';
import { runTarget, TARGETS } from './bootstrap/targets.mjs';

const OLDEST_NODE = 18;

function requireNode() {
  const [major] = process.versions.node.split('.').map(Number);
  if (major < OLDEST_NODE) {
    throw new BootstrapError(
      `Node ${process.versions.node} is too old to start from`,
      `install Node ${OLDEST_NODE} or newer; the Node that Weir itself runs on is then installed beside it`,
    );
  }
}

function requireLinux() {
  if (process.platform === 'linux') return;
  throw new BootstrapError(
    `Weir programs the Linux kernel; this is ${process.platform}`,
    'run it on Linux, or in a Linux virtual machine',
  );
}

function requireRoot(name) {
  if (process.getuid() === 0) return;
  // npm 8 and older start scripts as the folder's owner, even under sudo.
  const command = process.env.SUDO_UID
    ? `sudo node scripts/bootstrap.mjs ${name}`
    : `sudo ${name === 'start' || name === 'test' ? `npm ${name}` : `npm run ${name}`}`;
  throw new BootstrapError(
    `npm ${name} makes network namespaces and programs nftables: it needs root`,
    `run: ${command}`,
  );
}

async function main([name = 'start', ...args]) {
  const target = TARGETS[name];
  if (target === undefined) {
    throw new BootstrapError(`there is no target '${name}'`, `use one of ${Object.keys(TARGETS).join(', ')}`);
  }
  requireLinux();
  requireNode();
  if (target.needsRoot) requireRoot(name);
  installSystemPackages(name);
  const node = installModules();
  buildAll(node);
  return await runTarget(node, target, args);
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.exitCode = 1;
    process.stderr.write(error instanceof BootstrapError ? explain(error) : `weir: ${error.stack}\n`);
  },
);
