/**
 * npm runs this before it packs or publishes the checkout, and does neither where it fails. It would take whatever there is: a
 * package without addons, or with older ones.
 */
import { problems } from './pack/problems.js';
import { targets } from './prebuild/targets.js';
import { typescript } from './setup/typescript.js';

/**
 * It comes before the script `pack` as well, which compiles what is old, and then looks for itself; and where others install the
 * package by the address of its repository, which makes what that machine needs.
 */
const isPacked = ['pack', 'publish'].includes(process.env.npm_command ?? '');

function found() {
  const missing = problems(targets);
  if (missing.length > 0 || typescript.isDone()) return missing;
  return ['dist/ may be older than src/: npm run pack compiles it'];
}

/** @returns {Promise<number>} exit status */
async function judge() {
  const reasons = found();
  for (const reason of reasons) process.stderr.write(`not to be packed: ${reason}\n`);
  if (reasons.length > 0) return 1;
  // It takes packages, which an empty checkout has not.
  const { writeSbom } = await import('./pack/sbom.js');
  await writeSbom();
  return 0;
}

if (isPacked) process.exitCode = await judge();
