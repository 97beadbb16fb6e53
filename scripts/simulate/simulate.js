/** Random schedules of the core on a simulated kernel; see docs/simulation.md. */
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { startProgress } from '../lib/progress.js';
import { buildFaulty, buildSimulator } from './build.js';
import { faults } from './faults.js';
import { runSeeds } from './seeds.js';

const help = `Runs random schedules of the core on a simulated kernel and checks that nothing is lost.

  npm run simulate -- [options]

  --seeds N      how many schedules, each from its own seed (default 100000)
  --from N       the first seed (default 0)
  --minutes N    as many as there is time for, instead
  --sanitize     under AddressSanitizer and UndefinedBehaviorSanitizer, some ten times slower
  --replay SEED  one schedule, with everything that happens in it
  --replay -     the same from a record of choices on standard input, as a failure prints it
  --faults       shows that known faults are found: builds the core with each, and counts the seeds
  --help

A seed that fails is shrunk to the simplest schedule that fails in the same way, and printed. Exit status 1.
`;

/** Seeds in which every fault must be found. */
const mostSeedsForFault = 100_000;

/** @param {string} text */
const print = (text) => process.stdout.write(`${text}\n`);

/** @param {number} number */
const grouped = (number) => number.toLocaleString('en');

/** @param {string} message @returns {never} */
function usageError(message) {
  process.stderr.write(`${message}\n\n${help}`);
  process.exit(2);
}

/**
 * @param {string} name
 * @param {string | undefined} text
 * @returns {number | undefined}
 */
function number(name, text) {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && text.trim() !== '') return value;
  return usageError(`--${name} takes a number of 0 or more, not ${text}.`);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        seeds: { type: 'string' },
        from: { type: 'string' },
        minutes: { type: 'string' },
        sanitize: { type: 'boolean', default: false },
        replay: { type: 'string' },
        faults: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return usageError(/** @type {Error} */ (error).message);
  }
}

/**
 * @param {string} program
 * @param {number} from
 * @param {number | undefined} count
 * @param {number | undefined} minutes
 */
async function runAll(program, from, count, minutes) {
  const start = performance.now();
  const until = minutes === undefined ? Number.POSITIVE_INFINITY : start + minutes * 60_000;
  const most = count ?? (minutes === undefined ? 100_000 : Number.MAX_SAFE_INTEGER - from);
  const seconds = () => (performance.now() - start) / 1000;
  const total = minutes === undefined ? most : Math.ceil(minutes * 60);
  const progress = startProgress(total);
  let schedules = 0;
  const { totals, failure } = await runSeeds(program, {
    from,
    count: most,
    goesOn: () => performance.now() < until,
    onPassed: (passed) => {
      schedules += passed.schedules;
      const rate = Math.round(schedules / seconds());
      const done = minutes === undefined ? schedules : Math.round(seconds());
      progress.reached(done, `${grouped(schedules)} schedules, ${grouped(rate)}/s`);
    },
  });
  progress.stop();
  if (failure !== undefined) {
    print(
      `seed ${failure.seed}: ${failure.what}\nLooking for a simpler schedule that fails like it ...`,
    );
    spawnSync(program, ['shrink', String(failure.seed)], { stdio: 'inherit' });
    return 1;
  }
  print(
    `${grouped(totals.schedules)} schedules passed in ${seconds().toFixed(1)} s: ${grouped(totals.sessions)} sessions, ` +
      `${grouped(totals.bytes)} bytes, ${grouped(totals.calls)} system calls, ${grouped(totals.steps)} steps`,
  );
  return 0;
}

async function findFaults() {
  await buildSimulator();
  const table = new Table({
    head: ['fault', 'found at seed', 'as'],
    style: { head: [], border: [] },
  });
  const progress = startProgress(faults.length);
  let missed = 0;
  for (const fault of faults) {
    progress.doing(fault.name);
    const program = await buildFaulty(fault);
    const { failure } = await runSeeds(program, {
      from: 0,
      count: mostSeedsForFault,
      among: fault.among,
    });
    if (failure === undefined) missed += 1;
    const seed =
      failure === undefined ? `not in ${grouped(mostSeedsForFault)}` : grouped(failure.seed);
    table.push([fault.name, { content: seed, hAlign: 'right' }, failure?.what ?? '']);
    progress.done(`${fault.name}: ${seed}`);
  }
  progress.stop();
  print(table.toString());
  return missed > 0 ? 1 : 0;
}

/** @returns {Promise<number>} exit status */
export async function simulate() {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  if (options.faults) return findFaults();
  const program = await buildSimulator({ sanitize: options.sanitize });
  if (options.replay !== undefined) {
    return spawnSync(program, ['replay', options.replay], { stdio: 'inherit' }).status ?? 1;
  }
  return runAll(
    program,
    number('from', options.from) ?? 0,
    number('seeds', options.seeds),
    number('minutes', options.minutes),
  );
}
