/**
 * What a step of `npm test` is, and how the common kinds are made.
 */
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';

/** @import { Tally } from '../lib/tally.js' */
/** @import { Timing } from './timing.js' */

/**
 * @typedef {object} StepContext
 * @property {boolean} fix repair what can be repaired, instead of failing
 * @property {boolean} noSkips tests that cannot run have failed
 * @property {boolean} all also what takes long
 * @property {readonly string[]} [files] of tests; all of them when not given
 */

/**
 * @typedef {object} StepResult
 * @property {Tally} tally a check without tests of its own counts as one
 * @property {readonly string[]} [failures] the names of the tests that failed, where it has tests of its own
 * @property {readonly string[]} [flaky] the names of those that failed once, and passed when they were run again
 * @property {readonly string[]} [remedies] what to do to have those run that were skipped
 * @property {readonly Timing[]} [timings] of its tests and builds
 * @property {string} [note] why it was skipped, or anything else for the summary
 */

/**
 * Steps of one lane run one after the other, and lanes side by side. `tools` and builds keep processors busy, and wait
 * behind tests, which wait for events most of the time.
 *
 * @typedef {'tools' | 'tests' | 'end to end'} Lane
 */

/**
 * @typedef {object} Step
 * @property {string} name for `--only`
 * @property {string} title
 * @property {Lane} lane
 * @property {boolean} [thorough] only with `--all`, or by its name
 * @property {string} [after] the name of a step that builds what this one uses
 * @property {RegExp} affectedBy matches the files, by their path in the checkout, on which its result depends
 * @property {(changed: readonly string[], all: boolean) => readonly string[] | undefined} [filesFor] which test files to
 *   run when these have changed, and whether those that take long are among them; every test when it gives nothing
 * @property {(context: StepContext) => Promise<StepResult>} run prints what is wrong
 */

/**
 * Runs a tool that is one check. Its output is shown when it fails.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {Promise<StepResult>}
 */
export async function checkWithTool(command, args) {
  const result = await run(command, args);
  if (result.status === 0) return { tally: tally(1) };
  process.stdout.write(result.output);
  return { tally: tally(0, 1) };
}

/**
 * @param {string} program what is not installed
 * @param {string} debianPackage
 * @returns {StepResult}
 */
export function skippedFor(program, debianPackage) {
  return {
    tally: tally(0, 0, 1),
    remedies: [`apt-get install ${debianPackage}`],
    note: `${program} is not installed`,
  };
}
