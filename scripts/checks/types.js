import { inRoot } from '../lib/root.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

const tsc = inRoot('node_modules', '.bin', 'tsc');

/** A browser runs these, with other types around them than Node has. */
const page = inRoot('src', 'control', 'status', 'page');

/** Sources, tests, scripts and the page, the last two by their JSDoc. @type {Step} */
export const types = {
  name: 'types',
  title: 'Types (tsc)',
  lane: 'tools',
  affectedBy: /\.[cm]?[jt]s$|(^|\/)tsconfig\.json$|^package-lock\.json$/,
  async run() {
    const checked = await checkWithTool(tsc, ['--noEmit', '--pretty']);
    if (checked.tally.failed > 0) return checked;
    return checkWithTool(tsc, ['--noEmit', '--pretty', '--project', page]);
  },
};
