/** The tests in TypeScript: units and behaviour of both engines, then real servers and clients. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { sum, tally } from '../lib/tally.js';
import { outsideOfTests, reportVariable } from './vitest-reporter.js';

/** @import { StepResult } from './step.js' */
/** @import { FileReport, VitestReport } from './vitest-reporter.js' */

/**
 * @typedef {object} VitestOptions
 * @property {Record<string, string>} [env] added to this process's environment
 * @property {boolean} [show] default: true
 */

/**
 * @param {readonly string[]} args of vitest
 * @param {VitestOptions} options
 * @returns {Promise<VitestReport>}
 */
async function runVitest(args, { env = {}, show = true }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-vitest-'));
  try {
    const file = path.join(folder, 'report.json');
    const reporter = inRoot('scripts', 'checks', 'vitest-reporter.js');
    const { status } = await run(
      inRoot('node_modules', '.bin', 'vitest'),
      ['run', ...args, '--reporter=default', `--reporter=${reporter}`],
      { env: { ...env, [reportVariable]: file }, show },
    );
    const report = read(file);
    const sawFailure =
      report.errors.length > 0 || report.files.some(({ failed }) => failed.length > 0);
    if (status !== 0 && !sawFailure) report.errors.push(`vitest ended with status ${status}`);
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {string} file @returns {VitestReport} empty where vitest ended before it wrote one */
function read(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { files: [], errors: [] };
  }
}

/**
 * @typedef {object} FailedTest
 * @property {string} name with that of its file
 * @property {string} message
 */

/** @param {FileReport} report @returns {FailedTest[]} */
const failuresOf = ({ file, failed }) =>
  failed.map(({ name, message }) => ({ name: `${path.basename(file)}: ${name}`, message }));

/** @param {FailedTest} failure */
const asText = ({ name, message }) => `${name}: ${message.split('\n')[0]}`;

/** @param {string} name of a skipped test @returns {string} what to do to have it run; test/helpers/where.ts writes it */
const remedyIn = (name) => name.match(/\(to run: (.*)\)/)?.[1] ?? `see ${name}`;

/** @param {VitestReport} report @returns {StepResult} */
const asResult = ({ files, errors }) => ({
  tally: sum([
    ...files.map(({ passed, failed, skipped }) =>
      tally(passed.length, failed.length, skipped.length),
    ),
    tally(0, errors.length),
  ]),
  failures: [...files.flatMap(failuresOf).map(asText), ...errors],
  remedies: [...new Set(files.flatMap(({ skipped }) => skipped.map(remedyIn)))],
  timings: files.flatMap(({ file, timings }) =>
    timings.map(({ name, seconds }) => ({ name: `${path.basename(file)}: ${name}`, seconds })),
  ),
});

/**
 * @param {readonly string[]} args of vitest
 * @param {VitestOptions} [options]
 * @returns {Promise<StepResult>}
 */
export async function vitest(args, options = {}) {
  return asResult(await runVitest(args, options));
}

/** A few files: more than that is no chance. */
const mostFilesAgain = 3;

/**
 * For tests that drive programs which are not ours: the files of those that failed are run once more, alone. What passes
 * then is told as flaky.
 *
 * @param {readonly string[]} args of vitest, without files
 * @param {readonly string[]} files all of them when it is empty
 * @param {VitestOptions} options
 * @returns {Promise<StepResult>}
 */
export async function vitestWithSecondTry(args, files, options) {
  const first = await runVitest([...args, ...files], options);
  const failed = first.files.filter((report) => report.failed.length > 0);
  const hopeless = first.errors.length > 0 || failed.length > mostFilesAgain;
  if (failed.length === 0 || hopeless) return asResult(first);

  if (options.show !== false) {
    process.stdout.write(`\nOnce more, alone: ${failed.map(({ file }) => path.basename(file))}\n`);
  }
  const second = await runVitest([...args, ...failed.map(({ file }) => file)], options);
  const kept = first.files.filter((report) => !failed.includes(report));
  const judged = failed.map((before) => judge(before, second.files));
  return {
    ...asResult({
      files: [...kept, ...judged.map(({ report }) => report)],
      errors: second.errors,
    }),
    flaky: judged.flatMap(({ flaky }) => flaky.map(asText)),
  };
}

/**
 * Only what is seen to pass is flaky. What is not there the second time, or is skipped then, has failed.
 *
 * @param {FileReport} before
 * @param {readonly FileReport[]} again
 * @returns {{ report: FileReport, flaky: FailedTest[] }}
 */
function judge(before, again) {
  const now = again.find(({ file }) => file === before.file);
  if (now === undefined) return { report: before, flaky: [] };
  const names = new Set(before.passed.concat(before.failed.map(({ name }) => name)));
  /** What failed outside of tests kept them from being run: they all have to pass. @param {string} name */
  const passes = (name) =>
    name === outsideOfTests
      ? now.failed.length === 0 && now.passed.length > 0
      : now.passed.includes(name);
  const gone = [...names].filter(
    (name) => !passes(name) && now.failed.every((failure) => failure.name !== name),
  );
  const lost = gone.map((name) => ({ name, message: 'was not run the second time' }));
  const flaky = { ...before, failed: before.failed.filter(({ name }) => passes(name)) };
  return {
    report: { ...now, failed: [...now.failed, ...lost] },
    flaky: failuresOf(flaky),
  };
}
