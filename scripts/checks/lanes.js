/** Runs steps: those of a lane one after the other, lanes side by side, each step in a process of its own. */
import { fork } from 'node:child_process';
import { asGroup } from '../lib/process-groups.js';
import { inRoot } from '../lib/root.js';
import { tally } from '../lib/tally.js';

/** @import { Lane, Step, StepContext, StepResult } from './step.js' */

/** @typedef {StepResult & { step: Step, seconds: number }} Finished */

/**
 * @typedef {object} Listener
 * @property {(step: Step) => void} started
 * @property {(finished: Finished, output: string) => void} ended with what the step printed, where that was not shown
 */

/** Where a step runs alone, what it prints is shown as it comes. @typedef {'shown' | 'kept'} Output */

/**
 * @param {readonly Step[]} chosen
 * @param {(step: Step) => StepContext} contextFor
 * @param {Output} output
 * @param {Listener} listener
 * @returns {Promise<Finished[]>} in the order of `chosen`
 */
export async function runInLanes(chosen, contextFor, output, listener) {
  /** @type {Map<string, Promise<Finished>>} */
  const runs = new Map();
  /** @type {Map<Lane, Promise<unknown>>} */
  const lanes = new Map();
  for (const step of chosen) {
    // Lists of steps have what others wait for in front of them.
    const needed = step.after === undefined ? undefined : runs.get(step.after);
    const turn = Promise.all([lanes.get(step.lane), needed]);
    const run = turn.then(() => runStep(step, contextFor(step), output, listener));
    lanes.set(step.lane, run);
    runs.set(step.name, run);
  }
  return Promise.all(runs.values());
}

/**
 * @param {Step} step
 * @param {StepContext} context
 * @param {Output} output
 * @param {Listener} listener
 * @returns {Promise<Finished>}
 */
function runStep(step, context, output, listener) {
  listener.started(step);
  const start = performance.now();
  const program = inRoot('scripts', 'checks', 'run-step.js');
  const out = output === 'shown' ? 'inherit' : 'pipe';
  const child = fork(program, [step.name, JSON.stringify(context)], {
    stdio: ['ignore', out, out, 'ipc'],
    detached: true,
  });
  asGroup(child);
  /** @type {Buffer[]} */
  const printed = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk) => printed.push(chunk));
  }
  /** @type {StepResult | undefined} */
  let result;
  child.once('message', (message) => {
    result = /** @type {StepResult} */ (message);
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      const problem = problemOf(result, code, signal);
      if (problem !== undefined) {
        const { tally: counted = tally(), failures = [] } = result ?? {};
        result = {
          ...result,
          tally: { ...counted, failed: counted.failed + 1 },
          failures: [...failures, problem],
        };
      }
      const seconds = (performance.now() - start) / 1000;
      const finished = { .../** @type {StepResult} */ (result), step, seconds };
      listener.ended(finished, Buffer.concat(printed).toString());
      resolve(finished);
    });
  });
}

/**
 * @param {StepResult | undefined} result
 * @param {number | null} code
 * @param {NodeJS.Signals | null} signal
 * @returns {string | undefined} why the result, though it tells of no failure, is none to believe
 */
function problemOf(result, code, signal) {
  if (result === undefined)
    return `the step ended without a result (${signal ?? `status ${code}`})`;
  if (code !== 0) return `the step ended with ${signal ?? `status ${code}`}`;
  const { passed, failed, skipped } = result.tally;
  return passed + failed + skipped === 0 ? 'the step has run nothing' : undefined;
}
