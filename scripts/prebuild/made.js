/** Which prebuilt addons are of today's sources. */
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { readStamp, writeStamp } from '../lib/stamps.js';
import { zigVersion } from './toolchain.js';

/** @import { Verdict } from './gates.js' */
/** @import { Target } from './targets.js' */

const inputs = () =>
  contentHash(listFiles(['binding.gyp', 'native', 'package-lock.json']), [zigVersion]);

/**
 * Puts an addon that was just made where it is packed from. One that did not pass a gate is not taken in, and leaves no older one
 * in its place.
 *
 * @param {string} file
 * @param {Target} target
 * @param {readonly Verdict[]} verdicts
 */
export function takeIn(file, target, verdicts) {
  const product = inRoot(target.file);
  // A process may have the old one loaded: it keeps that file.
  rmSync(product, { force: true });
  if (!verdicts.every(({ passed }) => passed)) return;
  mkdirSync(path.dirname(product), { recursive: true });
  copyFileSync(file, product);
  writeStamp(`prebuild-${target.name}`, inputs());
}

/** @param {Target} target @returns {boolean} whether its addon is there and of these sources */
export function isMade(target) {
  return existsSync(inRoot(target.file)) && readStamp(`prebuild-${target.name}`) === inputs();
}
