/** The two suites in TypeScript as steps. */
import { existsSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { vitest, vitestWithSecondTry } from './vitest.js';

/** @import { Step, StepContext } from './step.js' */

/**
 * Where tests alone have changed, they alone are run: those that are still there, and that the step runs at all.
 *
 * @param {RegExp} ownTests
 * @param {(all: boolean) => readonly string[]} [leftOut] topics
 * @returns {NonNullable<Step['filesFor']>}
 */
const onlyChangedTests =
  (ownTests, leftOut = () => []) =>
  (changed, all) =>
    changed.every((file) => ownTests.test(file))
      ? changed.filter(
          (file) =>
            existsSync(inRoot(file)) && !leftOut(all).some((topic) => file.includes(`/${topic}.`)),
        )
      : undefined;

/** @param {StepContext} context */
const settings = ({ noSkips }) => (noSkips ? { env: { SPLICEWAY_NO_SKIPS: '1' } } : {});

/** @type {Step} */
export const unit = {
  name: 'unit',
  title: 'Unit and behaviour tests, both engines (vitest)',
  lane: 'tests',
  affectedBy:
    /^(src|native|docs|scripts|\.github|\.ci)\/|^test\/(?!e2e\/|native\/)|^[^/]+\.(md|json|ts|gyp)$/,
  filesFor: onlyChangedTests(/^test\/\d\d[^/]*\.test\.ts$/),
  run: (context) => vitest(context.files ?? [], settings(context)),
};

/** Thousands of sessions, and a minute of transfers: seconds in which a change hardly ever shows. */
const large = ['06', '08'];
/** A newcomer's first commands, and every other command of the documents: they build, and want the processors to themselves. */
const ofCommands = ['07', '12', '13'];

/** @param {boolean} all @returns {readonly string[]} the topics that are not run end to end */
const leftEndToEnd = (all) => [...ofCommands, ...(all ? [] : large)];

/** @param {readonly string[]} topics @returns {string[]} for vitest */
const without = (topics) => topics.flatMap((topic) => ['--exclude', `**/${topic}.*`]);

const config = ['--config', 'test/e2e/vitest.config.ts'];

/** @type {Step} */
export const endToEnd = {
  name: 'e2e',
  title: 'End to end: real servers, real clients (vitest)',
  lane: 'end to end',
  affectedBy: /^(src|native|docs|scripts)\/|^test\/(e2e|helpers)\/|^package(-lock)?\.json$/,
  filesFor: onlyChangedTests(/^test\/e2e\/[^/]*\.test\.ts$/, leftEndToEnd),
  run: (context) =>
    vitestWithSecondTry(
      [...config, ...without(leftEndToEnd(context.all))],
      context.files ?? [],
      settings(context),
    ),
};

/** @type {Step} */
export const commands = {
  name: 'commands',
  title: 'The commands of the documents, also in a fresh clone (vitest)',
  lane: 'tools',
  thorough: true,
  affectedBy: /^(src|native|docs|scripts|\.ci)\/|^test\/e2e\/|^[^/]+\.(md|json|ts|gyp)$/,
  run: (context) =>
    vitestWithSecondTry(
      config,
      ofCommands.map((topic) => `test/e2e/${topic}.`),
      settings(context),
    ),
};
