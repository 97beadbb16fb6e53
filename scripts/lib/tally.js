/** Counting tests: what each kind of runner says at its end, brought to one form. */
import { readFileSync } from 'node:fs';
import path from 'node:path';

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
 * @returns {{ tally: Tally, failures: string[] } | undefined} nothing when vitest ended before it wrote one;
 *   a failure is a test's name, or a file's that does not load, and the first line of its message
 */
export function readVitestReport(file) {
  try {
    const report = JSON.parse(readFileSync(file, 'utf8'));
    const skipped = report.numPendingTests + report.numTodoTests;
    return {
      tally: tally(report.numPassedTests, report.numFailedTests, skipped),
      failures: report.testResults.flatMap(failuresOfFile),
    };
  } catch {
    return undefined;
  }
}

/**
 * @param {{ name: string, status: string, message?: string,
 *   assertionResults: { status: string, fullName: string, failureMessages?: string[] }[] }} file
 * @returns {string[]}
 */
function failuresOfFile({ name, status, message, assertionResults }) {
  const failed = assertionResults.filter((result) => result.status === 'failed');
  if (status === 'failed' && failed.length === 0)
    return [withMessage(path.basename(name), message)];
  return failed.map(({ fullName, failureMessages }) =>
    withMessage(`${path.basename(name)}: ${fullName}`, failureMessages?.[0]),
  );
}

/** @param {string} what @param {string} [message] */
function withMessage(what, message) {
  const [line] = (message ?? '').split('\n');
  return line ? `${what}: ${line}` : what;
}

/**
 * @param {string} output of the C++ tests: `- NAME`, what is wrong, `FAILED`
 * @returns {string[]} the names of those that failed; one that ended the process is the last it began
 */
export function failuresFromOutput(output) {
  const failures = [];
  let name;
  for (const line of output.split('\n')) {
    if (line.startsWith('- ')) name = line.slice(2);
    else if (name !== undefined && line.trim() === 'FAILED') failures.push(name);
    else if (/\d+ passed, \d+ failed/.test(line)) name = undefined;
  }
  if (name !== undefined) failures.push(`${name}: the process ended in it`);
  return failures;
}
