/** The package for this machine, built as it ships, installed where there is no compiler, and used there. */
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { timed } from './timing.js';

/** @import { Step } from './step.js' */
/** @import { Timing } from './timing.js' */

/** @type {Step} */
export const installed = {
  name: 'installed',
  title: 'The package of this machine, built, installed and used',
  lane: 'tools',
  thorough: true,
  affectedBy:
    /^(native|src)\/|^scripts\/(prebuild|pack|package-test)\/|^(package.*\.json|binding\.gyp)$/,
  async run() {
    /** @type {Timing[]} */
    const timings = [];
    /** @param {string} name @param {readonly string[]} args */
    const script = (name, args) =>
      timed(timings, `npm run ${name} -- ${args.join(' ')}`, async () => {
        const { status } = await run(
          process.execPath,
          [inRoot('scripts', name, 'main.js'), ...args],
          {
            show: true,
          },
        );
        return status === 0;
      });
    const passed =
      (await script('prebuild', ['--only', `linux-${process.arch}`])) &&
      (await script('package-test', ['--this-machine', '--node', '20', '--manager', 'npm']));
    return { tally: passed ? tally(1) : tally(0, 1), timings };
  },
};
