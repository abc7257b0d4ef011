/**
 * npm's `install` script: builds the addons after a plain `npm ci` where the toolchain is there. Without it the install
 * still succeeds; `npm start` brings the toolchain and builds.
 */
import { existsSync } from 'node:fs';
import { buildAll } from './bootstrap/build.mjs';
import { PROJECT_NODE, recordModules } from './bootstrap/modules.mjs';
import { missingPackages } from './bootstrap/packages.mjs';
import { BootstrapError, explain, say } from './bootstrap/progress.mjs';

const missing = missingPackages('build').map((entry) => entry.name);
if (missing.length > 0) {
  say(
    `addons not built, ${missing.join(', ')} missing: install them and run 'npm run build' (npm start does both)`,
  );
} else if (!existsSync(PROJECT_NODE)) {
  say("addons not built, the package 'node' could not run its script: run 'npm run build'");
} else {
  try {
    recordModules();
    buildAll(PROJECT_NODE);
  } catch (error) {
    if (!(error instanceof BootstrapError)) throw error;
    process.stderr.write(explain(error));
    process.exitCode = 1;
  }
}
