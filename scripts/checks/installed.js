/** The package for this machine, built as it ships, installed where there is no compiler, and used there. */
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { tally } from '../lib/tally.js';
import { timed } from './timing.js';

/** @import { Step } from './step.js' */
/** @import { Timing } from './timing.js' */

/** Of the package's test: what this machine alone can show. */
const own = ['--this-machine', '--node', '20', '--manager', 'npm'];

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
    /** @param {string} name @param {string} folder of scripts/ @param {readonly string[]} args */
    const script = (name, folder, args) =>
      timed(timings, `npm run ${name} -- ${args.join(' ')}`, async () => {
        const main = inRoot('scripts', folder, 'main.js');
        const { status } = await run(process.execPath, [main, ...args], { show: true });
        return status === 0;
      });
    const passed =
      (await script('prebuilds', 'prebuild', ['--only', `linux-${process.arch}`])) &&
      (await script('package-test', 'package-test', own));
    return { tally: passed ? tally(1) : tally(0, 1), timings };
  },
};
