/** Counting tests: what each kind of runner says at its end, brought to one form. */
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
 * The output of the C++ tests (test/native/main.cc): `- NAME`, what is wrong, `  FAILED`, `  0.52 s`, and the counts at
 * the end.
 *
 * @param {string} output
 * @returns {{ tally: Tally, failures: string[], timings: { name: string, seconds: number }[] }} a test that ended the
 *   process has failed
 */
export function readCppOutput(output) {
  const failures = [];
  const timings = [];
  let name;
  for (const line of output.split('\n')) {
    const [, seconds] = line.match(/^ {2}(\d+\.\d+) s$/) ?? [];
    if (line.startsWith('- ')) name = line.slice(2);
    else if (name !== undefined && line === '  FAILED') failures.push(name);
    else if (name !== undefined && seconds) timings.push({ name, seconds: Number(seconds) });
    else if (/\d+ passed, \d+ failed/.test(line)) name = undefined;
  }
  if (name !== undefined) failures.push(`${name}: the process ended in it`);
  return { tally: tallyFromOutput(output) ?? tally(0, 1), failures, timings };
}
