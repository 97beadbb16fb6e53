/** What has been verified of this tree: kept in `build/verify/`, so that a run can be gone on with. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';

/**
 * @typedef {object} Outcome
 * @property {'running' | 'passed' | 'failed'} status
 * @property {string} command
 * @property {number} seconds
 * @property {string} at when it began, in ISO 8601
 * @property {number} process that runs it, or ran it
 *
 * @typedef {{ tree: string, outcomes: Record<string, Outcome> }} State
 */

const folder = inRoot('build', 'verify');
const file = path.join(folder, 'state.json');

/** @param {string} name of a step @returns {string} where its output goes */
export const logFile = (name) => path.join(folder, `${name}.log`);

/** All that the steps depend on: tests in TypeScript and documents do not count. */
const tree = () =>
  contentHash(
    listFiles(['native', 'src', 'scripts', 'test/native', 'binding.gyp', 'package-lock.json']),
  );

/** @returns {State} with nothing in it where the sources have changed since */
export function readState() {
  const now = tree();
  try {
    /** @type {State} */
    const state = JSON.parse(readFileSync(file, 'utf8'));
    if (state.tree === now) return state;
  } catch {
    // There is none yet.
  }
  return { tree: now, outcomes: {} };
}

/** @param {State} state */
export function writeState(state) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.draft`, `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(`${file}.draft`, file);
}
