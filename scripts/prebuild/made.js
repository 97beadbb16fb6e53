/** Which prebuilt addons are of today's sources. */
import { existsSync } from 'node:fs';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { readStamp, writeStamp } from '../lib/stamps.js';
import { zigVersion } from './toolchain.js';

/** @import { Target } from './targets.js' */

const inputs = () =>
  contentHash(listFiles(['binding.gyp', 'native', 'package-lock.json']), [zigVersion]);

/** Says that an addon was just made. @param {Target} target */
export const markMade = (target) => writeStamp(`prebuild-${target.name}`, inputs());

/** @param {Target} target @returns {boolean} whether its addon is there and of these sources */
export function isMade(target) {
  return existsSync(inRoot(target.file)) && readStamp(`prebuild-${target.name}`) === inputs();
}
