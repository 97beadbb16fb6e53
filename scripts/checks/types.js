import { inRoot } from '../lib/root.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

/** Sources, tests and scripts, the last by their JSDoc. @type {Step} */
export const types = {
  name: 'types',
  title: 'Types (tsc)',
  lane: 'tools',
  affectedBy: /\.[cm]?[jt]s$|^(tsconfig|package-lock)\.json$/,
  run: () => checkWithTool(inRoot('node_modules', '.bin', 'tsc'), ['--noEmit', '--pretty']),
};
