/** Sets of source files, and one hash for the content of a set. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { inRoot, root } from './root.js';

/**
 * Every file below the given files and folders, sorted, without what npm has installed there. What does not exist is left
 * out.
 *
 * @param {readonly string[]} entries paths inside the checkout
 * @param {(relativePath: string) => boolean} [keep]
 * @returns {string[]} paths relative to the checkout
 */
export function listFiles(entries, keep = () => true) {
  /** @type {string[]} */
  const found = [];
  for (const entry of entries) {
    const absolute = inRoot(entry);
    if (!existsSync(absolute)) continue;
    if (statSync(absolute).isFile()) {
      found.push(entry);
      continue;
    }
    for (const item of readdirSync(absolute, { recursive: true, withFileTypes: true })) {
      if (item.isFile()) found.push(path.relative(root, path.join(item.parentPath, item.name)));
    }
  }
  return found.filter((file) => !file.includes('/node_modules/') && keep(file)).sort();
}

/**
 * A hash over the names and the content of files, and over other facts that a result depends on.
 * Times of modification do not count: a fresh clone or a branch switched to and back changes nothing.
 *
 * @param {readonly string[]} files as `listFiles` gives them
 * @param {readonly string[]} [facts]
 * @returns {string}
 */
export function contentHash(files, facts = []) {
  const hash = createHash('sha256');
  for (const fact of facts) hash.update(`${fact}\0`);
  for (const file of files) {
    const content = readFileSync(inRoot(file));
    hash.update(`${file}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}
