/** Which prebuilt addons are of today's sources. */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { readStamp, removeStamp, writeStamp } from '../lib/stamps.js';
import { sha256 } from './gates.js';
import { zigVersion } from './toolchain.js';

/** @import { Verdict } from './gates.js' */
/** @import { Target } from './targets.js' */

/** @returns {string} what addons are made of and by, as it is now: to be asked for before one is built */
export const inputs = () =>
  contentHash(listFiles(['binding.gyp', 'native', 'package-lock.json', 'scripts/prebuild']), [
    zigVersion,
    process.versions.node,
  ]);

/** @param {Target} target */
const stamp = (target) => `prebuild-${target.name}`;

/** @param {Target} target @param {string} madeOf @returns {string} what its stamp says when it is as it was taken in */
const mark = (target, madeOf) => `${madeOf} ${sha256(inRoot(target.file))}`;

/**
 * Puts an addon that was just made where it is packed from. One that did not pass a gate is not taken in, and leaves no older one
 * in its place.
 *
 * @param {string} file
 * @param {Target} target
 * @param {readonly Verdict[]} verdicts
 * @param {string} madeOf `inputs()` as they were before it was built
 */
export function takeIn(file, target, verdicts, madeOf) {
  const product = inRoot(target.file);
  removeStamp(stamp(target));
  // A process may have the old one loaded: it keeps that file.
  rmSync(product, { force: true });
  if (!verdicts.every(({ passed }) => passed)) return;
  mkdirSync(path.dirname(product), { recursive: true });
  const draft = `${product}.draft`;
  copyFileSync(file, draft);
  renameSync(draft, product);
  writeStamp(stamp(target), mark(target, madeOf));
}

/** @param {Target} target @returns {boolean} whether its addon is there and of these sources */
export function isMade(target) {
  return existsSync(inRoot(target.file)) && readStamp(stamp(target)) === mark(target, inputs());
}
