import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const repository = dirname(dirname(fileURLToPath(import.meta.url)));
const packageRoot = join(repository, 'native', 'nft-js');
const compiler = join(
  dirname(createRequire(import.meta.url).resolve('typescript/package.json')),
  'bin',
  'tsc',
);
/** The compiler's time for the addon, on a busy machine. */
const BUILD_MS = 300_000;

const namespace = `nftjs-package-${process.pid}`;
let project = '';

/** Packs the package and unpacks it into an empty project, as npm would install it from a registry. */
beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'nft-js-project-'));
  const installed = join(project, 'node_modules', 'nft-js');
  await mkdir(installed, { recursive: true });
  // A copy is packed, because packing compiles anew and other tests use what is compiled.
  const source = join(project, 'source');
  const compiled = new Set(['build', 'dist', 'node_modules'].map((name) => join(packageRoot, name)));
  await cp(packageRoot, source, { recursive: true, filter: (path) => !compiled.has(path) });
  await symlink(join(repository, 'node_modules'), join(source, 'node_modules'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', project], { cwd: source });
  const [tarball] = JSON.parse(packed.stdout.slice(packed.stdout.indexOf('['))) as readonly {
    readonly filename: string;
  }[];
  await run('tar', ['-xzf', join(project, tarball?.filename ?? ''), '-C', installed, '--strip-components=1']);
  await writeFile(join(project, 'package.json'), '{ "type": "module" }\n');
  // The dependencies come from the workspace, so that the test needs no registry.
  await symlink(join(repository, 'node_modules'), join(installed, 'node_modules'));
  await symlink(join(repository, 'node_modules', '@types'), join(project, 'node_modules', '@types'));
  await run('npm', ['run', 'install'], { cwd: installed });
  await run('ip', ['netns', 'add', namespace]);
}, BUILD_MS);

afterAll(async () => {
  await rm(project, { recursive: true, force: true });
  await run('ip', ['netns', 'delete', namespace]);
});

const PROGRAM = `
import { expr, type Nftables, openNftables, type Transaction } from 'nft-js';
const nft: Nftables = await openNftables({ netns: '/run/netns/${namespace}' });
const here = { family: 'ip', table: 'shop' } as const;
const transaction: Transaction = [
  { verb: 'add', object: 'table', ...here },
  { verb: 'add', object: 'chain', ...here, chain: 'in' },
  { verb: 'add', object: 'rule', ...here, chain: 'in', expressions: [expr.verdict({ code: 'accept' })] },
];
await nft.commit(transaction);
console.log(JSON.stringify((await nft.listRules('ip', 'shop')).map((rule) => rule.expressions)));
await nft.close();
`;

describe('the packed nft-js', () => {
  it('builds in an empty project, has types, and changes nftables there', async () => {
    await writeFile(join(project, 'program.ts'), PROGRAM);
    const options = ['--module', 'nodenext', '--target', 'es2022', '--strict', '--types', 'node'];
    await run(process.execPath, [compiler, ...options, 'program.ts'], { cwd: project }).catch(
      (failure: { stdout: string }) => {
        throw new Error(`the program does not type-check: ${failure.stdout}`);
      },
    );
    const { stdout } = await run(process.execPath, ['program.js'], { cwd: project });
    expect(JSON.parse(stdout)).toEqual([[{ kind: 'verdict', verdict: { code: 'accept' } }]]);
  }, 60_000);

  it('carries sources, types and documentation but no build of this machine', async () => {
    const { stdout } = await run('tar', ['-tzf', join(project, 'nft-js-0.1.0.tgz')]);
    const files = stdout.trim().split('\n');
    for (const file of [
      'dist/index.js',
      'dist/index.d.ts',
      'CMakeLists.txt',
      'native/netlink-socket.cc',
      'README.md',
    ]) {
      expect(files).toContain(`package/${file}`);
    }
    expect(files.filter((file) => file.includes('/build/') || file.endsWith('.node'))).toEqual([]);
    const manifest = JSON.parse(
      await readFile(join(project, 'node_modules/nft-js/package.json'), 'utf8'),
    ) as { license: string };
    expect(manifest.license).toBe('Apache-2.0');
  });
});
