/** The tests in TypeScript: units and behaviour of both engines, then real servers and clients. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { readVitestReport, tally } from '../lib/tally.js';

/** @import { Step, StepContext, StepResult } from './step.js' */

/**
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: Record<string, string> }} [options]
 * @returns {Promise<StepResult>}
 */
export async function vitest(args, options = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-vitest-'));
  try {
    const file = path.join(folder, 'report.json');
    const result = await run(
      inRoot('node_modules', '.bin', 'vitest'),
      ['run', ...args, '--reporter=default', '--reporter=json', `--outputFile.json=${file}`],
      { ...options, show: true },
    );
    const report = readVitestReport(file) ?? { tally: tally(), failures: [] };
    // An error outside of any test, such as a file that does not load, is a failure all the same.
    if (result.status !== 0 && report.tally.failed === 0) report.tally.failed = 1;
    return report;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @param {StepContext} context */
const skipping = ({ noSkips }) => (noSkips ? { env: { SPLICEWAY_NO_SKIPS: '1' } } : {});

/** @type {Step} */
export const unit = {
  name: 'unit',
  title: 'Unit and behaviour tests, both engines (vitest)',
  run: (context) => vitest([], skipping(context)),
};

/** @type {Step} */
export const endToEnd = {
  name: 'e2e',
  title: 'End to end: real servers, real clients (vitest)',
  run: (context) => vitest(['--config', 'test/e2e/vitest.config.ts'], skipping(context)),
};
