/** A change to the text of the core, and the text with it. */
import { readFileSync } from 'node:fs';
import { inRoot } from '../../lib/root.js';

/**
 * @typedef {object} Edit
 * @property {string} file below `native/core/`
 * @property {string} before found there exactly once
 * @property {string} after
 */

/** @type {(file: string, before: string, after: string) => Edit} */
export const edit = (file, before, after) => ({ file, before, after });

/**
 * @param {Edit} change
 * @param {string} [text] the file's, with other changes in it
 * @returns {string} the file's text with the change in it
 */
export function applied(
  change,
  text = readFileSync(inRoot('native', 'core', change.file), 'utf8'),
) {
  if (text.split(change.before).length !== 2) {
    throw new Error(
      `native/core/${change.file} does not hold, once, what a fault would change:\n${change.before}`,
    );
  }
  return text.replace(change.before, () => change.after);
}
