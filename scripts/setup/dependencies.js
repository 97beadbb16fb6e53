/** The packages of package-lock.json in node_modules. */
import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { readStamp, writeStamp } from '../lib/stamps.js';
import { SetupError } from './setup-error.js';

/** @import { SetupStep } from '../setup.js' */

const nodeMajor = process.versions.node.split('.')[0] ?? '';

/**
 * npm keeps its own record of what it installed. Comparing that with the lock file, instead of keeping
 * a hash, also accepts what a person installed by hand with `npm ci` or `npm install`.
 *
 * @returns {boolean}
 */
function installedMatchesLock() {
  try {
    const wanted = JSON.parse(readFileSync(inRoot('package-lock.json'), 'utf8')).packages;
    const record = inRoot('node_modules', '.package-lock.json');
    const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
    // What is left out on this platform is optional; npm leaves nothing else out.
    const complete = Object.keys(wanted).every(
      (name) =>
        name === '' ||
        installed[name]?.version === wanted[name].version ||
        (wanted[name].optional && installed[name] === undefined),
    );
    return complete && Object.keys(installed).every((name) => name in wanted);
  } catch {
    return false;
  }
}

/** @type {SetupStep} */
export const dependencies = {
  title: 'installing the dependencies of package-lock.json',

  isDone() {
    if (!installedMatchesLock()) return false;
    const stamp = readStamp('node-major');
    if (stamp === undefined) writeStamp('node-major', nodeMajor);
    return stamp === undefined || stamp === nodeMajor;
  },

  async make() {
    // Development packages are part of a checkout, also where NODE_ENV says production. No script of npm's has anything to do
    // here: no package has one, and `prepare` is not for a checkout.
    const options = ['--include=dev', '--ignore-scripts', '--no-audit', '--no-fund'];
    const result = await run('npm', ['ci', ...options]);
    if (result.status === 127) {
      throw new SetupError('npm was not found: install npm (it comes with Node).');
    }
    if (result.status !== 0) {
      throw new SetupError(
        `${result.output}\nnpm ci failed (above). It needs the npm registry, or a filled npm cache.`,
      );
    }
    writeStamp('node-major', nodeMajor);
  },
};
