/** The image under test, built from this checkout as a user would build it, on a base made of the distribution's packages. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { buildah, podman } from './podman.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** The image's name in the tests' store. */
export const IMAGE = 'localhost/weir:test';
/** Its build stage is kept by a name too: unnamed layers would be pruned, and built again each time. */
const BUILD_STAGE = 'localhost/weir-build:test';
const CERTIFICATES = '/run/certificates.crt';

/** Builds what has changed since the last time; takes minutes at first, then seconds. */
export async function buildImage(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'weir-image-'));
  try {
    const base = await baseImage(folder);
    const flags = ['--layers', '--force-rm', '--isolation', 'chroot', '--network', 'host', '--pull-never'];
    const machine = await registryFlags(folder);
    const build = (...argv: readonly string[]) =>
      buildah(ROOT, 'bud', ...flags, ...machine, '--build-arg', `BASE_IMAGE=${base}`, ...argv, '.');
    await build('--target', 'build', '--tag', BUILD_STAGE);
    await build('--tag', IMAGE);
    await podman('image', 'prune', '--force');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A minimal Debian of the suite that the Dockerfile names, in place of the public image. */
async function baseImage(folder: string): Promise<string> {
  const suite = /^ARG BASE_IMAGE=.*\/debian:([a-z]+)-slim$/m.exec(
    readFileSync(join(ROOT, 'Dockerfile'), 'utf8'),
  )?.[1];
  if (suite === undefined) throw new Error('Dockerfile: BASE_IMAGE is not debian:SUITE-slim');
  const name = `localhost/weir-base:${suite}`;
  const { stdout } = await podman('images', '--quiet', name);
  if (stdout.trim() !== '') return name;
  const tree = join(folder, 'base');
  await run('debootstrap', ['--variant=minbase', suite, tree, ...(await mirrorOf(suite))], {
    maxBuffer: 64 << 20,
  });
  // As in the public image: neither package lists nor packages.
  rmSync(join(tree, 'var/lib/apt/lists'), { recursive: true });
  await run('chroot', [tree, 'apt-get', 'clean']);
  await run('tar', ['-C', tree, '-cf', `${tree}.tar`, '.']);
  await podman('import', `${tree}.tar`, name);
  return name;
}

/** Where this machine has the suite from; empty: debootstrap knows a public mirror. */
async function mirrorOf(suite: string): Promise<readonly string[]> {
  const { stdout } = await run('apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)',
    'Created-By: Packages',
    `Codename: ${suite}`,
  ]);
  return stdout.split('\n').slice(0, 1).filter(Boolean);
}

/** The build asks the registry that this machine asks, and trusts whom it trusts. */
async function registryFlags(folder: string): Promise<readonly string[]> {
  // With the machine's Node: npm looks for its configuration beside the Node that it runs with.
  const path = (process.env.PATH ?? '').split(delimiter).filter((entry) => !entry.includes('/node_modules/'));
  const environment = { ...process.env, PATH: path.join(delimiter) };
  const configured = async (key: string) => {
    const { stdout } = await run('npm', ['config', 'get', key], { cwd: folder, env: environment });
    return ['null', 'undefined'].includes(stdout.trim()) ? undefined : stdout.trim();
  };
  const certificates = process.env.NODE_EXTRA_CA_CERTS ?? (await configured('cafile'));
  const file = join(folder, 'npmrc');
  const lines = [`registry=${await configured('registry')}`];
  const flags = ['--volume', `${file}:/root/.npmrc:ro`];
  if (certificates !== undefined) {
    lines.push(`cafile=${CERTIFICATES}`);
    flags.push('--volume', `${certificates}:${CERTIFICATES}:ro`);
  }
  writeFileSync(file, `${lines.join('\n')}\n`);
  return flags;
}
