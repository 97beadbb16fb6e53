/** What keeps the checkout from being packed: npm itself packs whatever there is. */
import { existsSync } from 'node:fs';
import { listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { isMade } from '../prebuild/made.js';
import { targets } from '../prebuild/targets.js';
import { orphans } from '../setup/typescript.js';

/** @import { Target } from '../prebuild/targets.js' */

/**
 * @param {readonly Target[]} wanted whose addons are to be in it
 * @returns {string[]} each with what to do; none where the package would be whole
 */
export function problems(wanted) {
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
  const missing = wanted.filter((target) => !isMade(target)).map(({ name }) => name);
  if (missing.length > 0) {
    found.push(
      `prebuilds/ has no addon of these sources for ${missing.join(', ')}: npm run prebuilds makes it`,
    );
  }
  const strangers = listFiles(['prebuilds']).filter((file) =>
    targets.every((target) => target.file !== file),
  );
  if (strangers.length > 0) found.push(`prebuilds/ has files of no target: delete ${strangers}`);
  return found;
}
