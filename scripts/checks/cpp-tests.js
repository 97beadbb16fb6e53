/** The C++ tests, which need no Node: as built for users, under ASAN and UBSAN, and under TSAN. */
import { availableParallelism } from 'node:os';
import { run } from '../lib/run.js';
import { failuresFromOutput, tally, tallyFromOutput } from '../lib/tally.js';

/** @import { Step, StepResult } from './step.js' */

/**
 * @param {string} target
 * @returns {Promise<StepResult>}
 */
async function make(target) {
  const jobs = `--jobs=${availableParallelism()}`;
  const args = ['--no-print-directory', '--silent', jobs, '-C', 'test/native', target];
  const result = await run('make', args, { show: true });
  const counted = tallyFromOutput(result.output) ?? tally(result.status === 0 ? 1 : 0);
  // A sanitizer, or the compiler, can fail where no test did.
  if (result.status !== 0 && counted.failed === 0) counted.failed = 1;
  return { tally: counted, failures: failuresFromOutput(result.output) };
}

/** @type {Step} */
export const cppTests = {
  name: 'cpp',
  title: 'C++ tests',
  run: () => make('check'),
};

/** @type {Step} */
export const cppThreads = {
  name: 'threads',
  title: 'C++ tests under ThreadSanitizer',
  run: () => make('threads'),
};

/** @type {Step} */
export const cppSanitize = {
  name: 'sanitize',
  title: 'C++ tests under AddressSanitizer and UndefinedBehaviorSanitizer',
  run: () => make('sanitize'),
};
