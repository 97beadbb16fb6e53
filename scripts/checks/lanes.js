/** Runs steps: those of a lane one after the other, lanes side by side, each step in a process of its own. */
import { fork } from 'node:child_process';
import { inRoot } from '../lib/root.js';
import { tally } from '../lib/tally.js';

/** @import { Lane, Step, StepContext, StepResult } from './step.js' */

/** @typedef {StepResult & { step: Step, seconds: number }} Finished */

/** @type {Set<import('node:child_process').ChildProcess>} */
const alive = new Set();

for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM'])) {
  process.once(signal, () => {
    for (const { pid } of alive) if (pid !== undefined) process.kill(-pid, signal);
    process.exit(signal === 'SIGINT' ? 130 : 143);
  });
}

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
    // A group of processes, which can be ended with all that the step has started.
    detached: true,
  });
  alive.add(child);
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
      alive.delete(child);
      result ??= {
        tally: tally(0, 1),
        failures: [`the step ended without a result (${signal ?? `status ${code}`})`],
      };
      const seconds = (performance.now() - start) / 1000;
      const finished = { ...result, step, seconds };
      listener.ended(finished, Buffer.concat(printed).toString());
      resolve(finished);
    });
  });
}
