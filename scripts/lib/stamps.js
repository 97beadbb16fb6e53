/**
 * Stamps: what each result of the set-up was last made from. They live in node_modules, so that whoever
 * deletes that folder has everything made again.
 */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from './root.js';

/** @param {string} name */
const stampFile = (name) => inRoot('node_modules', '.cache', 'spliceway', `${name}.stamp`);

/**
 * @param {string} name
 * @returns {string | undefined} what was written last, if anything
 */
export function readStamp(name) {
  try {
    return readFileSync(stampFile(name), 'utf8');
  } catch {
    return undefined;
  }
}

/**
 * @param {string} name
 * @param {string} value
 */
export function writeStamp(name, value) {
  mkdirSync(path.dirname(stampFile(name)), { recursive: true });
  writeFileSync(stampFile(name), value);
}

/** @param {string} name */
export function removeStamp(name) {
  rmSync(stampFile(name), { force: true });
}
