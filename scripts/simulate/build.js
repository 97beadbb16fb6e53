/** Builds the simulator, as it is or with a fault in the core. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { applied } from './faults.js';

/** @import { Fault } from './faults.js' */

/** @param {readonly string[]} variables */
async function make(variables) {
  const jobs = `--jobs=${availableParallelism()}`;
  const args = ['--no-print-directory', '--silent', jobs, '-C', 'test/native/simulator'];
  const { status, output } = await run('make', [...args, ...variables]);
  if (status !== 0) throw new Error(`The simulator could not be built:\n${output}`);
}

/**
 * @param {object} [options]
 * @param {boolean} [options.sanitize] under AddressSanitizer and UndefinedBehaviorSanitizer
 * @returns {Promise<string>} the program
 */
export async function buildSimulator({ sanitize = false } = {}) {
  await make(sanitize ? ['SANITIZE=1'] : []);
  return inRoot('build', 'simulator', sanitize ? 'sanitize' : 'plain', 'simulator');
}

/**
 * @param {Fault} fault
 * @returns {Promise<string>} the program, with the fault in it
 */
export async function buildFaulty(fault) {
  const name = fault.name.replaceAll(/\W+/g, '-');
  const folder = inRoot('build', 'simulator', 'faults', name);
  for (const change of fault.edits) {
    const file = path.join(folder, change.file);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, applied(change));
  }
  await make([`FAULT=${name}`, `FILES=${fault.edits.map((change) => change.file).join(' ')}`]);
  return path.join(folder, 'simulator');
}
