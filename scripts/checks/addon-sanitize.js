/** The addon in Node, under the sanitizers. */
import { readFileSync, rmSync } from 'node:fs';
import { listFiles } from '../lib/files.js';
import { build } from '../lib/make.js';
import { addonFlags } from '../lib/native-headers.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { readStamp, writeStamp } from '../lib/stamps.js';
import { timed } from './timing.js';
import { vitest } from './vitest.js';

/** @import { Step, StepResult } from './step.js' */
/** @import { Timing } from './timing.js' */

/**
 * @typedef {object} Sanitizer
 * @property {'sanitize' | 'threads'} kind of the core
 * @property {readonly string[]} libraries that must be there before Node's own memory is
 * @property {string} symbol that what is built with it asks for
 * @property {Record<string, string>} env
 * @property {readonly string[]} topics of the tests
 */

/** @param {string} library @returns {Promise<string>} where g++ has it */
async function libraryPath(library) {
  return (await run('g++', [`-print-file-name=${library}`])).output.trim();
}

/**
 * @param {Sanitizer} sanitizer
 * @returns {Promise<string>} the addon
 */
async function buildAddon({ kind, symbol }) {
  // A shell of make's reads them.
  const flags = addonFlags()
    .map((flag) => `'${flag}'`)
    .join(' ');
  // Make does not see that they have changed, as with another Node.
  if (readStamp(`addon-${kind}`) !== flags) {
    rmSync(inRoot('out', 'native', kind, 'addon'), { recursive: true, force: true });
  }
  await build('Makefile', ['addon', `KIND=${kind}`, `ADDON_FLAGS=${flags}`]);
  writeStamp(`addon-${kind}`, flags);
  const addon = inRoot('out', 'native', kind, 'spliceway.node');
  if (!readFileSync(addon).includes(symbol)) {
    throw new Error(`${addon} was built without its sanitizer: nothing in it asks for ${symbol}.`);
  }
  return addon;
}

/** @param {Sanitizer} sanitizer @returns {Promise<StepResult>} */
async function runTests(sanitizer) {
  /** @type {Timing[]} */
  const timings = [];
  const addon = await timed(timings, `building the addon, ${sanitizer.kind}`, () =>
    buildAddon(sanitizer),
  );
  const libraries = await Promise.all(sanitizer.libraries.map(libraryPath));
  const files = sanitizer.topics.flatMap((topic) => {
    const found = listFiles(['test'], (file) => file.startsWith(`test/${topic}.`));
    if (found.length === 0) throw new Error(`there is no test/${topic}.*.test.ts`);
    return found;
  });
  const result = await vitest(files, {
    env: {
      LD_PRELOAD: libraries.join(':'),
      SPLICEWAY_PREBUILD: addon,
      ...sanitizer.env,
    },
  });
  return { ...result, timings: [...timings, ...(result.timings ?? [])] };
}

const affectedBy = /^native\/|^src\/engine\/native\/|^test\/native\/core\.mk$/;

/** @type {Step} */
export const addonSanitize = {
  name: 'addon',
  title: 'The addon in Node, under AddressSanitizer and UndefinedBehaviorSanitizer',
  lane: 'tests',
  thorough: true,
  after: 'sanitize',
  affectedBy,
  run: () =>
    runTests({
      kind: 'sanitize',
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
  lane: 'tests',
  thorough: true,
  after: 'threads',
  affectedBy,
  run: () =>
    runTests({
      kind: 'threads',
      libraries: ['libtsan.so'],
      symbol: '__tsan_init',
      // Node is not built with it: what it reads and writes is not looked at, its locks are.
      env: { TSAN_OPTIONS: 'ignore_noninstrumented_modules=1 halt_on_error=1' },
      topics: ['10', '16', '18', '26', '30', '31', '32', '36'],
    }),
};
