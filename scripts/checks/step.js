/**
 * What a step of `npm test` is, and how the common kinds are made.
 */
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';

/** @import { Tally } from '../lib/tally.js' */

/**
 * @typedef {object} StepContext
 * @property {boolean} fix repair what can be repaired, instead of failing
 * @property {boolean} noSkips tests that cannot run have failed
 */

/**
 * @typedef {object} StepResult
 * @property {Tally} tally a check without tests of its own counts as one
 * @property {readonly string[]} [failures] the names of the tests that failed, where it has tests of its own
 * @property {string} [note] why it was skipped, or anything else for the summary
 */

/**
 * @typedef {object} Step
 * @property {string} name for `--only`
 * @property {string} title
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
    note: `${program} is not installed (Debian: apt-get install ${debianPackage})`,
  };
}
