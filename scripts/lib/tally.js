/** Counting tests: what each kind of runner says at its end, brought to one form. */
import { readFileSync } from 'node:fs';

/**
 * @typedef {object} Tally
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 */

/** @type {(passed?: number, failed?: number, skipped?: number) => Tally} */
export const tally = (passed = 0, failed = 0, skipped = 0) => ({ passed, failed, skipped });

/**
 * @param {readonly Tally[]} parts
 * @returns {Tally}
 */
export function sum(parts) {
  return parts.reduce(
    (total, part) =>
      tally(total.passed + part.passed, total.failed + part.failed, total.skipped + part.skipped),
    tally(),
  );
}

/**
 * Test programs close with a line that holds `N passed` and `N failed`, maybe `N skipped`. All such
 * lines of an output are added up; a line about assertions is another count of the same tests.
 *
 * @param {string} output
 * @returns {Tally | undefined} nothing when no line is of that kind
 */
export function tallyFromOutput(output) {
  const found = output
    .split('\n')
    .filter((line) => !/assertions/.test(line))
    .map((line) => line.match(/(\d+) passed\D+(\d+) failed(?:\D+(\d+) skipped)?/))
    .filter((match) => match !== null)
    .map((match) => tally(Number(match[1]), Number(match[2]), Number(match[3] ?? 0)));
  return found.length > 0 ? sum(found) : undefined;
}

/**
 * @param {string} file what vitest's JSON reporter wrote
 * @returns {Tally | undefined} nothing when vitest ended before it wrote one
 */
export function tallyFromVitest(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const skipped = report.numPendingTests + report.numTodoTests;
    return tally(report.numPassedTests, report.numFailedTests, skipped);
  } catch {
    return undefined;
  }
}
