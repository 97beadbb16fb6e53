/** The simulator: schedules that must pass, and known faults that must be found. */

import { tally } from '../lib/tally.js';
import { buildFaulty, buildSimulator } from '../simulate/build.js';
import { faults } from '../simulate/faults.js';
import { runSeeds } from '../simulate/seeds.js';

/** @import { Step } from './step.js' */

/** Seeds of each kind: some 20 seconds of two processors each. */
const seeds = {
  plain: { from: 0, count: 40_000 },
  sanitize: { from: 40_000, count: 2_000 },
};
/** Seeds that failed once, by what they need. They say something only as long as schedules are drawn as they were. */
const kept = {
  'a time-out that begins late in a long turn': 1_795_451_523_932,
  'bytes that a read at the time-out said were not there': 1_795_462_170_818,
};
/** Each fault is found within so many; see docs/simulation.md for where. */
const seedsForFault = 20_000;

/** @type {Step} */
export const simulation = {
  name: 'simulate',
  title: 'Schedules on a simulated kernel',

  async run() {
    let passed = 0;
    const failures = [];
    const plain = await buildSimulator();
    const sanitized = await buildSimulator({ sanitize: true });
    for (const [program, range] of [
      ...Object.values(kept).map(
        (seed) => /** @type {const} */ ([plain, { from: seed, count: 1 }]),
      ),
      /** @type {const} */ ([plain, seeds.plain]),
      /** @type {const} */ ([sanitized, seeds.sanitize]),
    ]) {
      const { totals, failure } = await runSeeds(program, range);
      passed += totals.schedules;
      if (failure === undefined) continue;
      failures.push(
        `seed ${failure.seed}: ${failure.what} (npm run simulate -- --from ${failure.seed} --seeds 1 shrinks it)`,
      );
    }
    const failed = failures.length;
    return { tally: tally(failed === 0 ? 1 : 0, failed), failures, note: `${passed} schedules` };
  },
};

/** @type {Step} */
export const knownFaults = {
  name: 'faults',
  title: 'Known faults, each found by the simulator',

  async run() {
    await buildSimulator();
    const counted = tally();
    const failures = [];
    for (const fault of faults) {
      const program = await buildFaulty(fault);
      const { failure } = await runSeeds(program, { from: 0, count: seedsForFault });
      if (failure === undefined) {
        counted.failed += 1;
        failures.push(`not found in ${seedsForFault} seeds: ${fault.name}`);
      } else {
        counted.passed += 1;
        process.stdout.write(`seed ${failure.seed}: ${fault.name}: ${failure.what}\n`);
      }
    }
    return { tally: counted, failures };
  },
};
