/**
 * The last look before a tarball is packed (`prepack`): whether it would hold what a package needs. npm
 * itself packs whatever there is, and a package without its addon installs without a word.
 *
 *   node scripts/check-pack.js
 */
import { existsSync } from 'node:fs';
import { listFiles } from './lib/files.js';
import { inRoot } from './lib/root.js';
import { orphans } from './setup/typescript.js';

/** @returns {string[]} what is wrong, each with what to do */
function problems() {
  const found = [];
  if (!existsSync(inRoot('dist', 'cli', 'main.js'))) {
    found.push('dist/ has no command: npm run build:ts compiles it');
  }
  const leftOver = orphans();
  if (leftOver.length > 0) {
    found.push(
      `dist/ has files that no source makes: delete it, then npm run build:ts (${leftOver})`,
    );
  }
  if (listFiles(['prebuilds'], (file) => file.endsWith('.node')).length === 0) {
    found.push('prebuilds/ has no addon: npm run build:prebuilds makes the one for this machine');
  }
  return found;
}

const found = problems();
for (const problem of found) process.stderr.write(`not to be packed: ${problem}\n`);
process.exitCode = found.length > 0 ? 1 : 0;
