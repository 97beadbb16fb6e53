import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { SetupError } from './setup-error.js';

/**
 * Checks this Node against `engines.node` of package.json, which reads `>=MAJOR.MINOR`. First of all:
 * an old Node fails later on in ways that nobody can read.
 *
 * @throws {SetupError}
 */
export function checkNodeVersion() {
  const needed = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).engines.node;
  const [neededMajor = 0, neededMinor = 0] = needed.replace(/^>=/, '').split('.').map(Number);
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > neededMajor || (major === neededMajor && minor >= neededMinor)) return;
  throw new SetupError(
    `Node ${process.versions.node} is too old: Spliceway needs Node ${neededMajor}.${neededMinor} or later.`,
  );
}
