/** What has been verified of this tree: kept in `out/verify/`, so that a run can be gone on with. */
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

const folder = inRoot('out', 'verify');
const file = path.join(folder, 'state.json');

/** @param {string} name of a step @returns {string} where its output goes */
export const logFile = (name) => path.join(folder, `${name}.log`);

/** All that the steps depend on: tests in TypeScript and documents do not count. */
const tree = () =>
  contentHash(
    listFiles([
      ...['native', 'src', 'scripts', 'test/native', 'test/fuzz'],
      ...['binding.gyp', 'package.json', 'package-lock.json'],
      ...['tsconfig.json', 'tsconfig.build.json'],
    ]),
  );

/** @returns {State} with nothing in it where the sources have changed since */
export function readState() {
  const now = tree();
  const kept = readFile();
  return kept?.tree === now ? kept : { tree: now, outcomes: {} };
}

/** @returns {State | undefined} */
function readFile() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    // There is none yet.
    return undefined;
  }
}

/**
 * Writes one outcome down, beside those that others may have written since.
 *
 * @param {string} tree of the sources that the step began with: where they have changed since, nobody will believe it
 * @param {string} name of the step
 * @param {Outcome} outcome
 */
export function record(tree, name, outcome) {
  mkdirSync(folder, { recursive: true });
  const kept = readFile();
  const outcomes = { ...(kept?.tree === tree ? kept.outcomes : {}), [name]: outcome };
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify({ tree, outcomes }, undefined, 2)}\n`);
  renameSync(draft, file);
}
