/**
 * One step in a process of its own, so that what it prints stays together while others run: scripts/checks/lanes.js starts
 * it with the step's name and its context, and gets the result as a message.
 */
import { setPriority } from 'node:os';
import { endGroup } from '../lib/process-groups.js';
import { tally } from '../lib/tally.js';
import { steps } from './steps.js';

/** @import { StepContext, StepResult } from './step.js' */

/** Of processes that keep processors busy: tests beside them, which wait for events, go first. */
const politeness = 10;

const [, , name, contextText = '{}'] = process.argv;
const step = steps.find((candidate) => candidate.name === name);
if (step === undefined) throw new Error(`There is no step ${name}.`);
/** @type {StepContext} */
const context = JSON.parse(contextText);

if (step.lane === 'tools') setPriority(politeness);

/**
 * What a step throws is its failure: the others still run, and the summary comes.
 *
 * @returns {Promise<StepResult>}
 */
async function result() {
  try {
    return await /** @type {NonNullable<typeof step>} */ (step).run(context);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    process.stdout.write(`${message}\n`);
    return { tally: tally(0, 1), failures: [message] };
  }
}

// Who started it is gone, and wants no result: whatever the step has started goes as well.
const orphaned = () => endGroup(process.pid);
process.once('disconnect', orphaned);
const found = await result();
process.send?.(found, () => {
  process.off('disconnect', orphaned);
  process.disconnect();
});
