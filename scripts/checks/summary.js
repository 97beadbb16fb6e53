/** What `npm test` says at its end. */
import { sum } from '../lib/tally.js';

/** @import { Finished } from './lanes.js' */
/** @import { Timing } from './timing.js' */

const slowestShown = 10;

/** @param {number} seconds */
const column = (seconds) => `${seconds.toFixed(1).padStart(7)} s`;

/**
 * @param {readonly Finished[]} finished
 * @param {readonly Timing[]} before what was done before the first step
 * @param {number} seconds from the very beginning
 * @returns {string} several lines
 */
export function summary(finished, before, seconds) {
  const names = [...finished.map(({ step }) => step.name), ...before.map(({ name }) => name)];
  const width = Math.max(...names.map((name) => name.length)) + 2;
  /** @param {string} verdict @param {string} name @param {number} took @param {string} remark */
  const line = (verdict, name, took, remark) =>
    `${verdict.padEnd(6)}${name.padEnd(width)}${column(took)}  ${remark}`;

  const timings = finished.flatMap(({ step, timings = [] }) =>
    timings.map((timing) => ({ ...timing, name: `${step.name}: ${timing.name}` })),
  );
  const slowest = timings.sort((one, other) => other.seconds - one.seconds);
  const total = sum(finished.map((result) => result.tally));
  return [
    '== Summary (steps run side by side)',
    ...before.map(({ name, seconds }) => line('', name, seconds, '')),
    ...finished.map(({ step, tally, note, seconds }) => {
      const verdict =
        tally.failed > 0 ? 'FAIL' : tally.passed === 0 && tally.skipped > 0 ? 'skip' : 'ok';
      const counts = `${tally.passed} passed, ${tally.failed} failed, ${tally.skipped} skipped`;
      return line(verdict, step.name, seconds, note ? `${counts}  (${note})` : counts);
    }),
    line('', 'in all', seconds, ''),
    '',
    '== The slowest tests and builds',
    ...slowest.slice(0, slowestShown).map(({ name, seconds }) => `${column(seconds)}  ${name}`),
    '',
    ...finished.flatMap(({ step, remedies = [] }) =>
      remedies.map((remedy) => `skip ${step.name}: to run what was skipped: ${remedy}`),
    ),
    ...finished.flatMap(({ step, failures = [] }) =>
      failures.map((failure) => `FAIL ${step.name}: ${failure}`),
    ),
    ...finished.flatMap(({ flaky = [] }) => flaky.map((name) => `flaky: ${name}`)),
    `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`,
  ].join('\n');
}
