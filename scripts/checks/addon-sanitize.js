/**
 * The addon in Node, under the sanitizers: in copies of the checkout, since an addon that needs their libraries
 * must not be found by anybody else.
 */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { vitest } from './vitest.js';

/** @import { Step } from './step.js' */

/**
 * @typedef {object} Sanitizer
 * @property {string} folder of the copy, below `build`
 * @property {readonly string[]} flags for the compiler and the linker
 * @property {readonly string[]} libraries that must be there before Node's own memory is
 * @property {string} symbol that what is built with it asks for
 * @property {Record<string, string>} env
 * @property {readonly string[]} topics of the tests
 */

const copied = [
  ...['package.json', 'tsconfig.json', 'vitest.config.ts', 'binding.gyp'],
  ...['native', 'src', 'dist', 'test'],
];

/** @param {string} library @returns {Promise<string>} where g++ has it */
async function libraryPath(library) {
  return (await run('g++', [`-print-file-name=${library}`])).output.trim();
}

/**
 * @param {Sanitizer} sanitizer
 * @returns {Promise<string | undefined>} what went wrong
 */
async function build({ folder, flags, symbol }) {
  const cwd = inRoot('build', folder);
  rmSync(cwd, { recursive: true, force: true });
  mkdirSync(cwd, { recursive: true });
  for (const name of copied) cpSync(inRoot(name), path.join(cwd, name), { recursive: true });
  symlinkSync(inRoot('node_modules'), path.join(cwd, 'node_modules'));
  const { status, output } = await run(inRoot('node_modules', '.bin', 'node-gyp'), ['rebuild'], {
    cwd,
    env: {
      CXXFLAGS: `-g -O1 -fno-omit-frame-pointer ${flags.join(' ')}`,
      LDFLAGS: flags.join(' '),
    },
  });
  if (status !== 0) return output;
  const addon = readFileSync(path.join(cwd, 'build', 'Release', 'spliceway.node'));
  return addon.includes(symbol) ? undefined : `The addon was built without ${flags.join(' ')}.\n`;
}

/** @param {Sanitizer} sanitizer */
async function runTests(sanitizer) {
  const failure = await build(sanitizer);
  if (failure !== undefined) {
    process.stdout.write(failure);
    return { tally: tally(0, 1) };
  }
  const libraries = await Promise.all(sanitizer.libraries.map(libraryPath));
  return vitest(
    sanitizer.topics.map((topic) => `test/${topic}.`),
    {
      cwd: inRoot('build', sanitizer.folder),
      env: { LD_PRELOAD: libraries.join(':'), ...sanitizer.env },
    },
  );
}

/** @type {Step} */
export const addonSanitize = {
  name: 'addon',
  title: 'The addon in Node, under AddressSanitizer and UndefinedBehaviorSanitizer',
  run: () =>
    runTests({
      folder: 'addon-sanitize',
      flags: ['-fsanitize=address,undefined', '-fno-sanitize-recover=all'],
      libraries: ['libasan.so', 'libubsan.so'],
      symbol: '__asan_init',
      // Node itself leaves much behind when it exits.
      env: { ASAN_OPTIONS: 'detect_leaks=0' },
      // Where JavaScript and the loops meet: sockets handed over, sessions joined and closed, workers, events.
      topics: ['10', '11', '12', '16', '17', '18', '26', '30', '31', '32', '36'],
    }),
};

/** @type {Step} */
export const addonThreads = {
  name: 'addon-threads',
  title: 'The addon in Node, under ThreadSanitizer',
  run: () =>
    runTests({
      folder: 'addon-threads',
      flags: ['-fsanitize=thread'],
      libraries: ['libtsan.so'],
      symbol: '__tsan_init',
      // Node is not built with it: what it reads and writes is not looked at, its locks are.
      env: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1 halt_on_error=1' },
      topics: ['10', '16', '18', '26', '30', '31', '32', '36'],
    }),
};
