/** clang-tidy over the native sources, as many at a time as there are processors. */
import { availableParallelism } from 'node:os';
import { isKept, keep } from '../lib/cache.js';
import { contentHash, listFiles } from '../lib/files.js';
import { addonFlags, nodeHeaders } from '../lib/native-headers.js';
import { root } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { skippedFor } from './step.js';
import { timed } from './timing.js';

/** @import { Step } from './step.js' */
/** @import { Timing } from './timing.js' */

/** The flags that the builds use, as far as they change what the code means. */
const flags = ['-std=c++20', '-fno-exceptions', '-fno-rtti', ...addonFlags()];

/**
 * @param {string} file
 * @returns {Promise<string[] | undefined>} it, and the files of this project that it includes; nothing where the compiler does
 *   not tell
 */
async function withIncluded(file) {
  const { status, output } = await run('g++', ['-MM', ...flags, file]);
  if (status !== 0) return undefined;
  const words = output.replaceAll('\\\n', ' ').split(/\s+/).slice(1);
  const own = words
    .filter((word) => word !== '')
    .map((word) => word.replace(`${root}/`, ''))
    .filter((word) => !word.startsWith('/'));
  return [...new Set(own)].sort();
}

/** @type {Step} */
export const clangTidy = {
  name: 'clang-tidy',
  title: 'C++ lint (clang-tidy)',
  lane: 'tools',
  thorough: true,
  affectedBy: /^native\/|^\.clang-tidy$/,

  async run() {
    const program = findProgram('clang-tidy');
    if (program === undefined) return skippedFor('clang-tidy', 'clang-tidy');

    const folders = nodeHeaders() ? ['native/core', 'native/addon'] : ['native/core'];
    const files = listFiles(folders, (file) => file.endsWith('.cc'));
    const { output: version } = await run(program, ['--version']);
    /** @type {Timing[]} */
    const timings = [];
    /** @type {string[]} */
    const failures = [];
    const waiting = [...files];
    const worker = async () => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const name = file;
        // A file takes seconds, so those found clean are remembered, by their content and all that it depends on.
        const included = await withIncluded(name);
        const hash =
          included &&
          contentHash(
            ['.clang-tidy', 'package-lock.json', ...included],
            [version, process.version, ...flags.map((flag) => flag.replace(root, ''))],
          );
        if (hash !== undefined && isKept('clang-tidy', hash)) continue;
        const { status, output } = await timed(timings, `clang-tidy of ${name}`, () =>
          run(program, ['--quiet', name, '--', ...flags]),
        );
        if (status === 0) {
          if (hash !== undefined) keep('clang-tidy', hash);
        } else {
          failures.push(name);
          process.stdout.write(`${name}:\n${output}`);
        }
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    const failed = failures.length;
    const passed = files.length - failed;
    return { tally: tally(passed, failed), failures, timings, note: `${files.length} files` };
  },
};
