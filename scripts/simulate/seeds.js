/** Runs schedules of the simulator, in several processes at once. */
import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';

/** Seeds that one process runs: enough to make its start cheap, few enough to share the work evenly. */
const blockSize = 2000;

/**
 * @typedef {object} Totals what passed
 * @property {number} schedules
 * @property {number} sessions
 * @property {number} steps
 * @property {number} calls system calls of the core
 * @property {number} bytes
 */

/**
 * Schedules of which there are few among all: `Among` in test/native/simulator/world.h.
 *
 * @typedef {'streams' | 'stops' | 'stayers'} Kind
 */

/**
 * @typedef {object} Failure
 * @property {number} seed
 * @property {string} what failed
 */

/**
 * One block of seeds. The simulator names the seed also where the core crashes or never returns; this
 * rejects when it cannot be run at all.
 *
 * @param {string} program
 * @param {number} first
 * @param {number} count
 * @param {Kind | undefined} among
 * @returns {Promise<Totals | Failure>}
 */
function runBlock(program, first, count, among) {
  return new Promise((resolve, reject) => {
    const kind = among === undefined ? [] : [among];
    const child = spawn(program, ['seeds', String(first), String(count), ...kind], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    /** @type {string[]} */
    const lines = [];
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream }).on('line', (line) => lines.push(line));
    }
    child.on('error', reject);
    child.on('close', (status, signal) => {
      const report = lines.join('\n');
      const passed = report.match(
        /^passed (\d+) schedules, (\d+) sessions, (\d+) steps, (\d+) calls, (\d+) bytes$/m,
      );
      const failed = report.match(/^seed (\d+): (.*)$/m);
      if (status === 0 && passed) {
        const [schedules, sessions, steps, calls, bytes] = passed.slice(1).map(Number);
        resolve(/** @type {Totals} */ ({ schedules, sessions, steps, calls, bytes }));
      } else if (failed) {
        resolve({ seed: Number(failed[1]), what: String(failed[2]) });
      } else {
        reject(
          new Error(
            `The simulator ended with ${signal ?? status} among ${count} seeds from ${first}:\n${report}`,
          ),
        );
      }
    });
  });
}

/**
 * Runs seeds in their order until `goesOn` says otherwise or one fails; of several that fail, the first.
 *
 * @param {string} program
 * @param {object} options
 * @param {number} options.from the first seed
 * @param {number} options.count of seeds at most
 * @param {Kind} [options.among] only schedules of this kind
 * @param {number} [options.processes] at a time; as many as there are processors when not given
 * @param {() => boolean} [options.goesOn] asked before each block
 * @param {(totals: Totals) => void} [options.onPassed] told of each block
 * @returns {Promise<{ totals: Totals, failure?: Failure }>}
 */
export async function runSeeds(
  program,
  { from, count, among, processes = availableParallelism(), goesOn = () => true, onPassed },
) {
  /** @type {Totals} */
  const totals = { schedules: 0, sessions: 0, steps: 0, calls: 0, bytes: 0 };
  /** @type {Failure[]} */
  const failures = [];
  let next = from;
  const worker = async () => {
    while (next < from + count && failures.length === 0 && goesOn()) {
      const first = next;
      const some = Math.min(blockSize, from + count - first);
      next += some;
      const result = await runBlock(program, first, some, among);
      if ('what' in result) {
        failures.push(result);
        continue;
      }
      totals.schedules += result.schedules;
      totals.sessions += result.sessions;
      totals.steps += result.steps;
      totals.calls += result.calls;
      totals.bytes += result.bytes;
      onPassed?.(result);
    }
  };
  await Promise.all(Array.from({ length: processes }, worker));
  const failure = failures.sort((left, right) => left.seed - right.seed)[0];
  return failure === undefined ? { totals } : { totals, failure };
}
