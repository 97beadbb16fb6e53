/** The simulator: schedules that must pass, and known faults that must be found. */
import { availableParallelism } from 'node:os';
import { tally } from '../lib/tally.js';
import { buildFaulty, buildSimulator } from '../simulate/build.js';
import { faults } from '../simulate/faults.js';
import { runSeeds } from '../simulate/seeds.js';
import { timed } from './timing.js';

/** @import { Step } from './step.js' */
/** @import { Timing } from './timing.js' */

/** Seeds of each kind: some 20 seconds of two processors each. */
const seeds = {
  plain: { from: 0, count: 40_000 },
  sanitize: { from: 40_000, count: 2_000 },
};
/** Of the plain ones, where not all is asked for. */
const someSeeds = 10_000;
/** Seeds that failed once, by what they need. They say something only as long as schedules are drawn as they were. */
const kept = {
  'a time-out that begins late in a long turn': 1_795_451_523_932,
  'bytes that a read at the time-out said were not there': 42_687,
};
/** Each fault is found within so many; see docs/simulation.md for where. */
const seedsForFault = 20_000;

const affectedBy = /^native\/core\/|^test\/native\/(simulator\/|core\.mk$)|^scripts\/simulate\//;

/** @type {Step} */
export const simulation = {
  name: 'simulate',
  title: 'Schedules on a simulated kernel',
  lane: 'tools',
  affectedBy,

  async run({ all }) {
    /** @type {Timing[]} */
    const timings = [];
    /** @type {string[]} */
    const failures = [];
    let passed = 0;
    /** @param {string} program @param {{ from: number, count: number }} range */
    const pass = async (program, range) => {
      const { totals, failure } = await runSeeds(program, range);
      passed += totals.schedules;
      if (failure === undefined) return;
      failures.push(
        `seed ${failure.seed}: ${failure.what} (npm run simulate -- --from ${failure.seed} --seeds 1 shrinks it)`,
      );
    };
    const plain = await timed(timings, 'building the simulator', () => buildSimulator());
    for (const seed of Object.values(kept)) await pass(plain, { from: seed, count: 1 });
    await timed(timings, 'schedules', () =>
      pass(plain, all ? seeds.plain : { ...seeds.plain, count: someSeeds }),
    );
    if (all) {
      const sanitized = await timed(timings, 'building the simulator, sanitize', () =>
        buildSimulator({ sanitize: true }),
      );
      await timed(timings, 'schedules, sanitize', () => pass(sanitized, seeds.sanitize));
    }
    const failed = failures.length;
    return {
      tally: tally(failed === 0 ? 1 : 0, failed),
      failures,
      timings,
      note: `${passed} schedules`,
    };
  },
};

/** @type {Step} */
export const knownFaults = {
  name: 'faults',
  title: 'Known faults, each found by the simulator',
  lane: 'tools',
  thorough: true,
  affectedBy,

  async run() {
    await buildSimulator();
    const counted = tally();
    /** @type {string[]} */
    const failures = [];
    /** @type {Timing[]} */
    const timings = [];
    const waiting = [...faults];
    // Most of it is the compiler's time for one file, so as many faults at a time as there are processors.
    const worker = async () => {
      for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
        const { name } = fault;
        const program = await timed(timings, `building "${name}"`, () =>
          buildFaulty(/** @type {typeof faults[number]} */ (fault)),
        );
        const { failure } = await timed(timings, `finding "${name}"`, () =>
          runSeeds(program, {
            from: 0,
            count: seedsForFault,
            among: fault.among,
            processes: 1,
          }),
        );
        if (failure === undefined) {
          counted.failed += 1;
          failures.push(`not found in ${seedsForFault} seeds: ${name}`);
        } else {
          counted.passed += 1;
          process.stdout.write(`seed ${failure.seed}: ${name}: ${failure.what}\n`);
        }
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    return { tally: counted, failures, timings };
  },
};
