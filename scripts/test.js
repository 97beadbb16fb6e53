/**
 * `npm test`: sets the checkout up, then checks it, several steps at a time.
 *
 *   npm test                  what a change needs
 *   npm test -- --all         also what takes long: all that has one right outcome
 *   npm test -- --changed     the steps that the files that have changed can affect
 *   npm test -- --only NAME   one step (may be given again); --list names them
 *   npm test -- --fix         format and repair what can be
 *   npm test -- --no-skips    what cannot run here has failed (also: SPLICEWAY_NO_SKIPS=1)
 */
import { parseArgs } from 'node:util';
import { changedFiles } from './checks/changed.js';
import { runInLanes } from './checks/lanes.js';
import { steps } from './checks/steps.js';
import { summary } from './checks/summary.js';
import { openFileLimit } from './lib/limits.js';
import { sum } from './lib/tally.js';
import { setUpOrExit } from './setup.js';

/** @import { Finished } from './checks/lanes.js' */
/** @import { Step, StepContext } from './checks/step.js' */

/** The sessions of the largest tests, each with two sockets, and their pipes. */
const openFilesWanted = 20_000;

/** Milliseconds between two lines that say what still runs. */
const stillRunningEvery = 60_000;

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\nSteps: ${steps.map((step) => step.name).join(' ')}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        all: { type: 'boolean', default: false },
        changed: { type: 'boolean', default: false },
        fix: { type: 'boolean', default: false },
        'no-skips': { type: 'boolean', default: process.env.SPLICEWAY_NO_SKIPS === '1' },
        list: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

function printList() {
  const width = Math.max(...steps.map(({ name }) => name.length)) + 2;
  for (const { name, title, thorough } of steps) {
    print(`${name.padEnd(width)}${title}${thorough ? ' (with --all)' : ''}`);
  }
}

/** @param {readonly string[]} changed @returns {Step[]} */
function chooseSteps(changed) {
  const unknown = options.only?.find((name) => !steps.some((step) => step.name === name));
  if (unknown !== undefined) usageError(`There is no step ${unknown}.`);
  if (options.only) return steps.filter(({ name }) => options.only?.includes(name));
  const wanted = steps.filter(({ thorough }) => options.all || !thorough);
  if (!options.changed) return wanted;
  return wanted.filter(
    (step) =>
      changed.some((file) => step.affectedBy.test(file)) && filesFor(step, changed)?.length !== 0,
  );
}

/** @param {Step} step @param {readonly string[]} changed @returns {readonly string[] | undefined} of tests; all when undefined */
const filesFor = (step, changed) =>
  step.filesFor?.(
    changed.filter((file) => step.affectedBy.test(file)),
    options.all,
  );

/** @param {Step} step @returns {StepContext} */
function contextFor(step) {
  const files = options.changed ? filesFor(step, changed) : undefined;
  return {
    fix: options.fix,
    noSkips: options['no-skips'],
    all: options.all,
    ...(files !== undefined && { files }),
  };
}

/**
 * @param {readonly Step[]} chosen
 * @returns {Promise<Finished[]>}
 */
async function runSteps(chosen) {
  /** @type {Map<string, number>} since when each of those that run now does */
  const running = new Map();
  const timer = setInterval(() => {
    const since = [...running].map(
      ([name, start]) => `${name} ${((performance.now() - start) / 1000).toFixed(0)} s`,
    );
    print(`   running: ${since.join(', ')}`);
  }, stillRunningEvery);
  try {
    return await runInLanes(chosen, contextFor, chosen.length === 1 ? 'shown' : 'kept', {
      started(step) {
        running.set(step.name, performance.now());
        if (chosen.length === 1) print(`\n== ${step.title}`);
      },
      ended({ step, seconds, note }, output) {
        running.delete(step.name);
        if (chosen.length > 1) print(`\n== ${step.title}: ${seconds.toFixed(1)} s\n${output}`);
        if (note) print(note);
      },
    });
  } finally {
    clearInterval(timer);
  }
}

const options = readArguments();
if (options.list) {
  printList();
  process.exit(0);
}
const changed = options.changed
  ? await changedFiles().catch((/** @type {Error} */ error) => usageError(error.message))
  : [];
const chosen = chooseSteps(changed);
if (chosen.length === 0) {
  print('Nothing has changed that a step depends on.');
  process.exit(0);
}

const beforeSetUp = performance.now();
await setUpOrExit();
const setUpSeconds = (performance.now() - beforeSetUp) / 1000;

const limit = openFileLimit();
if (limit && limit.soft < openFilesWanted) {
  print(
    `This shell allows ${limit.soft} open files a process; the largest tests need ${openFilesWanted} ` +
      `and are skipped. Raise it with: ulimit -n ${openFilesWanted}`,
  );
}
if (chosen.length > 1) print(`Steps: ${chosen.map(({ name }) => name).join(' ')}`);

const finished = await runSteps(chosen);

const total = sum(finished.map((result) => result.tally));
const skipsForbidden = options['no-skips'] && total.skipped > 0;
if (skipsForbidden) print('\nSomething was skipped, and skipping is forbidden: that is a failure.');
// What .ci/run did before this process is told by its clock.
const secondsBefore = Number(process.env.SPLICEWAY_SECONDS_BEFORE ?? 0);
const before = [
  ...(secondsBefore > 0 ? [{ name: 'installing', seconds: secondsBefore }] : []),
  { name: 'set-up', seconds: setUpSeconds },
];
print(`\n${summary(finished, before, secondsBefore + performance.now() / 1000)}`);
process.exitCode = total.failed > 0 || skipsForbidden ? 1 : 0;
