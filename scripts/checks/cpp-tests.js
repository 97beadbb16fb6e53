/** The C++ tests, which need no Node: as built for users, under ASAN and UBSAN, and under TSAN. */
import { availableParallelism } from 'node:os';
import { build, make } from '../lib/make.js';
import { readCppOutput, sum } from '../lib/tally.js';
import { timed } from './timing.js';

/** @import { Step, StepResult } from './step.js' */
/** @import { Timing } from './timing.js' */

/** The simulator, the fuzzers and the addon's loader are built and run by others. */
const affectedBy = /^native\/core\/|^test\/native\/[^/]*$/;

/** Parts that run side by side: most of the tests wait most of their time. */
const partCount = availableParallelism() + 1;

/**
 * @param {'check' | 'sanitize' | 'threads'} target
 * @param {'plain' | 'sanitize' | 'threads'} kind
 * @returns {Promise<StepResult>}
 */
async function buildAndRun(target, kind) {
  /** @type {Timing[]} */
  const timings = [];
  await timed(timings, `building the core's tests, ${kind}`, () =>
    build('Makefile', ['build', `KIND=${kind}`]),
  );
  const parts = Array.from({ length: partCount }, (_, index) => `PART=${index + 1}/${partCount}`);
  const results = await Promise.all(parts.map((part) => make('Makefile', [target, part])));
  const read = results.map(({ status, output }) => {
    process.stdout.write(output);
    const found = readCppOutput(output);
    // A sanitizer can fail where no test did.
    if (status !== 0 && found.tally.failed === 0) found.tally.failed = 1;
    return found;
  });
  return {
    tally: sum(read.map(({ tally }) => tally)),
    failures: read.flatMap(({ failures }) => failures),
    timings: [...timings, ...read.flatMap((part) => part.timings)],
  };
}

/** @type {Step} */
export const cppTests = {
  name: 'cpp',
  title: 'C++ tests',
  lane: 'tools',
  affectedBy,
  run: () => buildAndRun('check', 'plain'),
};

/** @type {Step} */
export const cppThreads = {
  name: 'threads',
  title: 'C++ tests under ThreadSanitizer',
  lane: 'tools',
  thorough: true,
  affectedBy,
  run: () => buildAndRun('threads', 'threads'),
};

/** @type {Step} */
export const cppSanitize = {
  name: 'sanitize',
  title: 'C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer',
  lane: 'tools',
  thorough: true,
  affectedBy,
  run: () => buildAndRun('sanitize', 'sanitize'),
};
