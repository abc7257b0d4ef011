/** System packages: which are needed, which are missing, and getting them from the distribution. */
import { accessSync, constants, existsSync } from 'node:fs';
import { join } from 'node:path';
import { BootstrapError, run, say, step } from './progress.mjs';

/** Targets that move packets. */
const PACKETS = ['start', 'test', 'test:cluster', 'test:container', 'bench'];

const SYSTEM_PATHS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

/**
 * What each package is for. `command` or `file` shows that it is there, however it was installed; `targets` are the
 * targets that need it (every one when left out).
 */
export const PACKAGES = [
  { name: 'cmake', command: 'cmake', why: 'builds the addons' },
  { name: 'make', command: 'make', why: 'builds the addons' },
  { name: 'g++', command: 'g++', why: 'compiles the addons' },
  { name: 'pkg-config', command: 'pkg-config', why: 'finds the libraries the addons use' },
  { name: 'clang', command: 'clang', why: 'compiles the programs for the kernel' },
  { name: 'libbpf-dev', file: '/usr/include/bpf/libbpf.h', why: 'loads programs into the kernel' },
  { name: 'libmnl-dev', file: '/usr/include/libmnl/libmnl.h', why: 'netlink messages' },
  { name: 'libnftables-dev', file: '/usr/include/nftables/libnftables.h', why: 'nftables text' },
  {
    name: 'iproute2',
    command: 'ip',
    why: 'makes network namespaces and links',
    targets: PACKETS,
  },
  {
    name: 'util-linux',
    command: 'nsenter',
    why: 'enters network namespaces',
    targets: PACKETS,
  },
  {
    name: 'nftables',
    command: 'nft',
    why: 'an independent look at tables in tests',
    targets: ['test', 'test:container', 'bench'],
  },
  {
    name: 'iptables',
    command: 'iptables',
    why: 'the ruleset that the bench compares with',
    targets: ['bench'],
  },
  {
    name: 'conntrack',
    command: 'conntrack',
    why: 'empties connection tables between runs',
    targets: ['bench'],
  },
  {
    name: 'debootstrap',
    command: 'debootstrap',
    why: 'makes the base of the container image',
    targets: ['test:container'],
  },
  { name: 'buildah', command: 'buildah', why: 'builds the container image', targets: ['test:container'] },
  { name: 'podman', command: 'podman', why: 'runs the container image', targets: ['test:container'] },
  { name: 'runc', command: 'runc', why: 'runs containers where crun refuses', targets: ['test:container'] },
];

/** The packages a target needs that are not there. */
export function missingPackages(target) {
  return PACKAGES.filter((entry) => (entry.targets ?? [target]).includes(target) && !isPresent(entry));
}

/** Installs what the target needs and is missing, after saying which and why. Throws a BootstrapError if it can't. */
export function installSystemPackages(target) {
  const missing = missingPackages(target);
  if (missing.length === 0) return;
  const names = missing.map((entry) => entry.name);
  const manual = `install them yourself: apt-get install ${names.join(' ')}`;
  for (const entry of missing) say(`missing system package ${entry.name} (${entry.why})`);
  if (!hasCommand('apt-get')) {
    throw new BootstrapError(
      'this system has no apt-get, so system packages can not be installed here',
      `install what these Debian packages hold: ${names.join(' ')}`,
    );
  }
  if (process.getuid() !== 0)
    throw new BootstrapError('installing system packages needs root', `as root, ${manual}`);
  step(`installing ${names.join(' ')} with apt-get`, () => aptInstall(names, manual));
  const still = missingPackages(target).map((entry) => entry.name);
  if (still.length > 0) {
    throw new BootstrapError(`apt-get succeeded, but ${still.join(' ')} is still missing`, manual);
  }
}

function aptInstall(names, manual) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // A fresh machine often installs its own updates just now: wait for the lock instead of failing.
  const wait = ['-o', 'DPkg::Lock::Timeout=300'];
  const install = (remedy) =>
    run('apt-get-install', 'apt-get', [...wait, 'install', '-y', '--no-install-recommends', ...names], {
      remedy,
      env,
    });
  try {
    install(manual);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    // A fresh machine has no package lists, an old one has stale ones.
    run('apt-get-update', 'apt-get', ['update'], {
      remedy: `check the network and /etc/apt/sources.list, or ${manual}`,
      env,
    });
    install(
      `check the network and the lists in /etc/apt (apt-get-update.log is beside that log), or ${manual}`,
    );
  }
}

function isPresent(entry) {
  return entry.command === undefined ? existsSync(entry.file) : hasCommand(entry.command);
}

function hasCommand(command) {
  const paths = [...(process.env.PATH ?? '').split(':'), ...SYSTEM_PATHS];
  return paths.some((path) => path !== '' && isExecutable(join(path, command)));
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
