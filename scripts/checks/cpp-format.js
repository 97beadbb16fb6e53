/**
 * The C++ format, by a clang-format that comes from npm: everyone has the same version, and none has to
 * be installed.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { tally } from '../lib/tally.js';

/** @import { Step } from './step.js' */

/** @param {string} file */
const isCpp = (file) => /\.(cc|h)$/.test(file);

/**
 * @param {string} before
 * @param {string} after
 * @returns {number} the first line, counted from 1, that differs
 */
function firstDifference(before, after) {
  const lines = after.split('\n');
  return before.split('\n').findIndex((line, index) => line !== lines[index]) + 1;
}

/** @type {Step} */
export const cppFormat = {
  name: 'cpp-format',
  title: 'C++ format (clang-format)',
  lane: 'tools',
  affectedBy: /\.(cc|h)$|^\.clang-format$/,

  async run({ fix }) {
    const { format } = await import('@wasm-fmt/clang-format');
    const style = readFileSync(inRoot('.clang-format'), 'utf8');
    const files = listFiles(['native', 'test/native', 'scripts'], isCpp);
    let wrong = 0;
    for (const file of files) {
      const before = readFileSync(inRoot(file), 'utf8');
      const after = format(before, file, style);
      if (after === before) continue;
      if (fix) {
        writeFileSync(inRoot(file), after);
        process.stdout.write(`formatted ${file}\n`);
        continue;
      }
      wrong += 1;
      process.stdout.write(`${file}:${firstDifference(before, after)}: not formatted\n`);
    }
    if (wrong > 0) process.stdout.write('npm test -- --only cpp-format --fix formats them\n');
    return { tally: wrong > 0 ? tally(0, 1) : tally(1), note: `${files.length} files` };
  },
};
