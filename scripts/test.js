/**
 * `npm test`: sets the checkout up, then runs every check there is, one step after the other.
 *
 *   npm test -- --only NAME   one step (may be given again); --list names them
 *   npm test -- --fix         format and repair what can be
 *   npm test -- --no-skips    what cannot run here has failed (also: SPLICEWAY_NO_SKIPS=1)
 */
import { parseArgs } from 'node:util';
import { addonSanitize, addonThreads } from './checks/addon-sanitize.js';
import { apiDocs } from './checks/api-docs.js';
import { biome } from './checks/biome.js';
import { clangTidy } from './checks/clang-tidy.js';
import { cppFormat } from './checks/cpp-format.js';
import { cppSanitize, cppTests, cppThreads } from './checks/cpp-tests.js';
import { packaged } from './checks/packaged.js';
import { knownFaults, simulation } from './checks/simulation.js';
import { types } from './checks/types.js';
import { endToEnd, unit } from './checks/vitest.js';
import { openFileLimit } from './lib/limits.js';
import { sum, tally } from './lib/tally.js';
import { setUpOrExit } from './setup.js';

/** @import { Step, StepResult } from './checks/step.js' */
/** @typedef {StepResult & { step: Step, seconds: number }} Finished */

/** Quick ones first: the sooner a mistake shows, the better. */
const steps = [
  biome,
  cppFormat,
  types,
  apiDocs,
  packaged,
  clangTidy,
  cppTests,
  cppSanitize,
  cppThreads,
  simulation,
  knownFaults,
  unit,
  addonSanitize,
  addonThreads,
  endToEnd,
];

/** Of the column of names. */
const nameWidth = Math.max(...steps.map(({ name }) => name.length)) + 2;

/** The sessions of the largest tests, each with two sockets, and their pipes. */
const openFilesWanted = 20_000;

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\nSteps: ${steps.map((step) => step.name).join(' ')}\n`);
  process.exit(2);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        fix: { type: 'boolean', default: false },
        'no-skips': { type: 'boolean', default: process.env.SPLICEWAY_NO_SKIPS === '1' },
        list: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/** @param {readonly Finished[]} finished */
function printSummary(finished) {
  print('\n== Summary');
  for (const { step, tally, note, seconds } of finished) {
    const verdict =
      tally.failed > 0 ? 'FAIL' : tally.passed === 0 && tally.skipped > 0 ? 'skip' : 'ok';
    const counts = `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
    const remark = note ? `  (${note})` : '';
    print(
      `${verdict.padEnd(5)}${step.name.padEnd(nameWidth)}${seconds.toFixed(1).padStart(6)} s  ${counts}${remark}`,
    );
  }
  for (const { step, failures = [] } of finished) {
    for (const failure of failures) print(`FAIL ${step.name}: ${failure}`);
  }
}

/**
 * What a step throws is its failure: the others still run, and the summary comes.
 *
 * @param {Step} step
 * @returns {Promise<StepResult>}
 */
async function resultOf(step) {
  try {
    return await step.run(context);
  } catch (error) {
    const { message } = /** @type {Error} */ (error);
    print(message);
    return { tally: tally(0, 1), failures: [message] };
  }
}

const options = readArguments();
if (options.list) {
  for (const step of steps) print(`${step.name.padEnd(nameWidth)}${step.title}`);
  process.exit(0);
}
const unknown = options.only?.find((name) => !steps.some((step) => step.name === name));
if (unknown !== undefined) usageError(`There is no step ${unknown}.`);
const chosen = steps.filter((step) => !options.only || options.only.includes(step.name));
const context = { fix: options.fix, noSkips: options['no-skips'] };

await setUpOrExit();

const limit = openFileLimit();
if (limit && limit.soft < openFilesWanted) {
  print(
    `This shell allows ${limit.soft} open files a process; the largest tests need ${openFilesWanted} ` +
      `and are skipped. Raise it with: ulimit -n ${openFilesWanted}`,
  );
}

/** @type {Finished[]} */
const finished = [];
for (const step of chosen) {
  print(`\n== ${step.title}`);
  const start = performance.now();
  const result = await resultOf(step);
  const seconds = (performance.now() - start) / 1000;
  finished.push({ ...result, step, seconds });
  if (result.note) print(result.note);
}

printSummary(finished);
const total = sum(finished.map((result) => result.tally));
const skipsForbidden = context.noSkips && total.skipped > 0;
if (skipsForbidden) print('Something was skipped, and skipping is forbidden: that is a failure.');
print('');
print(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
process.exitCode = total.failed > 0 || skipsForbidden ? 1 : 0;
