/** What vitest's own reports lack: how long each test took, hooks that failed, and errors outside of tests. */
import { writeFileSync } from 'node:fs';

/** @import { Reporter, TestModule } from 'vitest/node' */

/**
 * @typedef {object} FileReport
 * @property {string} file absolute
 * @property {string[]} passed the names of tests
 * @property {{ name: string, message: string }[]} failed tests; also a hook, or the file itself when it does not load
 * @property {string[]} skipped the names of tests; those that cannot run here end with what to do about it
 * @property {{ name: string, seconds: number }[]} timings of its tests
 *
 * @typedef {object} VitestReport
 * @property {FileReport[]} files
 * @property {string[]} errors outside of any test
 */

/** Where the report goes, as the environment says. */
export const reportVariable = 'SPLICEWAY_VITEST_REPORT';

/** Instead of a test's name, for an error of a hook or of the file. */
export const outsideOfTests = 'outside of its tests';

/** Seconds. What is quicker is never among the slowest. */
const worthTelling = 0.5;

/** @implements {Reporter} */
export default class {
  /** @param {readonly TestModule[]} modules @param {readonly { message: string }[]} unhandledErrors */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {VitestReport} */
    const report = {
      files: modules.map(reportOf),
      errors: unhandledErrors.map(({ message }) => message),
    };
    writeFileSync(process.env[reportVariable] ?? '', JSON.stringify(report));
  }
}

/** @param {TestModule} module @returns {FileReport} */
function reportOf(module) {
  /** @type {FileReport} */
  const report = { file: module.moduleId, passed: [], failed: [], skipped: [], timings: [] };
  for (const test of module.children.allTests()) {
    const { state, errors = [] } = test.result();
    const name = test.fullName;
    if (state === 'passed') report.passed.push(name);
    else if (state === 'failed') report.failed.push({ name, message: errors[0]?.message ?? '' });
    else report.skipped.push(name);
    const seconds = (test.diagnostic()?.duration ?? 0) / 1000;
    if (seconds >= worthTelling) report.timings.push({ name, seconds });
  }
  // Of the file and its hooks: the tests behind them have not run.
  const suites = [...module.children.allSuites()];
  const [error] = [...module.errors(), ...suites.flatMap((suite) => suite.errors())];
  if (error !== undefined && report.failed.length === 0) {
    report.failed.push({ name: outsideOfTests, message: error.message });
  }
  return report;
}
