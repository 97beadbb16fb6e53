import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { SetupError } from './setup-error.js';

/**
 * Checks this Node against `engines.node` of package.json, which reads `^MAJOR.MINOR.0 || >=MAJOR.MINOR.0`. First of
 * all: an old Node fails later on in ways that nobody can read.
 *
 * @throws {SetupError}
 */
export function checkNodeVersion() {
  const needed = JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).engines.node;
  if (satisfies(process.versions.node, needed)) return;
  throw new SetupError(
    `Node ${process.versions.node} does not do: Spliceway needs one that is ${needed}.`,
  );
}

/** @param {string} version @param {string} needed @returns {boolean} */
export function satisfies(version, needed) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return needed.split('||').some((range) => {
    const [, sign, atMajor, atMinor] = /^\s*(\^|>=)(\d+)\.(\d+)\.0\s*$/.exec(range) ?? [];
    if (major === Number(atMajor)) return minor >= Number(atMinor);
    return sign === '>=' && major > Number(atMajor);
  });
}
