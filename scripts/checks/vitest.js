/** The tests in TypeScript: units and behaviour of both engines, then real servers and clients. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { tally, tallyFromVitest } from '../lib/tally.js';

/** @import { Step, StepContext, StepResult } from './step.js' */

/**
 * @param {readonly string[]} args
 * @param {StepContext} context
 * @returns {Promise<StepResult>}
 */
async function vitest(args, { noSkips }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-vitest-'));
  try {
    const report = path.join(folder, 'report.json');
    const result = await run(
      inRoot('node_modules', '.bin', 'vitest'),
      ['run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`],
      { show: true, env: noSkips ? { SPLICEWAY_NO_SKIPS: '1' } : {} },
    );
    const counted = tallyFromVitest(report) ?? tally();
    // An error outside of any test, such as a file that does not load, is a failure all the same.
    if (result.status !== 0 && counted.failed === 0) counted.failed = 1;
    return { tally: counted };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @type {Step} */
export const unit = {
  name: 'unit',
  title: 'Unit and behaviour tests, both engines (vitest)',
  run: (context) => vitest([], context),
};

/** @type {Step} */
export const endToEnd = {
  name: 'e2e',
  title: 'End to end: real servers, real clients (vitest)',
  run: (context) => vitest(['--config', 'test/e2e/vitest.config.ts'], context),
};
