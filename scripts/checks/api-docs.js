import { inRoot } from '../lib/root.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

/** The public API has a comment wherever it can, and every link in one leads somewhere. @type {Step} */
export const apiDocs = {
  name: 'api-docs',
  title: 'Comments of the public API (TypeDoc)',
  lane: 'tools',
  affectedBy: /^(src|\.config)\/|^(tsconfig.*|package-lock)\.json$/,
  run: () => checkWithTool(inRoot('node_modules', '.bin', 'typedoc'), ['--emit', 'none']),
};
