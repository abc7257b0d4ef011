// SPDX-License-Identifier: Apache-2.0
// npm's install step: compiles the addon unless a build is already there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

if (!existsSync(join(root, 'build', 'Release', 'nft_js.node'))) {
  const require = createRequire(import.meta.url);
  const cmakeJs = join(dirname(require.resolve('cmake-js/package.json')), 'bin', 'cmake-js');
  const built = spawnSync(process.execPath, [cmakeJs, 'compile'], { cwd: root, stdio: 'inherit' });
  if (built.status !== 0) {
    console.error(
      'nft-js: the addon could not be built; it needs cmake, a C++20 compiler and libnftables-dev.',
    );
    process.exit(1);
  }
}
