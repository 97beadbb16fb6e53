/**
 * Makes a checkout ready to run: packages, native addon, compiled TypeScript. Does only what is missing
 * or out of date, and says nothing when nothing is. Uses nothing but Node itself, for it runs first.
 *
 *   node scripts/setup.js
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withSetupLock } from './lib/lock.js';
import { addon } from './setup/addon.js';
import { dependencies } from './setup/dependencies.js';
import { checkNodeVersion } from './setup/node-version.js';
import { SetupError } from './setup/setup-error.js';
import { typescript } from './setup/typescript.js';

/**
 * @typedef {object} SetupStep
 * @property {string} title
 * @property {() => boolean} isDone
 * @property {() => Promise<void>} make
 */

/** In this order: each needs what the one before it made. */
const steps = [dependencies, addon, typescript];

/** Standard output belongs to the program that is started next. @param {string} message */
const say = (message) => process.stderr.write(`setup: ${message}\n`);

/**
 * @throws {SetupError} with a message for a person
 * @returns {Promise<void>}
 */
async function setUp() {
  checkNodeVersion();
  if (steps.every((step) => step.isDone())) return;
  await withSetupLock(say, async () => {
    for (const step of steps) {
      // Asked again: another set-up may have made it while this one waited for the lock.
      if (step.isDone()) continue;
      say(step.title);
      await step.make();
    }
  });
}

/**
 * For the scripts: sets up, or prints why not and ends this process with status 1.
 *
 * @returns {Promise<void>}
 */
export async function setUpOrExit() {
  try {
    await setUp();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

if (process.argv[1] && path.resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await setUpOrExit();
}
