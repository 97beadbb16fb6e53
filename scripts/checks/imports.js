import { inRoot } from '../lib/root.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

/** That folders of src use those below them alone. @type {Step} */
export const imports = {
  name: 'imports',
  title: 'Which folder uses which (dependency-cruiser)',
  lane: 'tools',
  affectedBy: /^src\/.*\.ts$|^\.config\/dependency-cruiser\.js$|^package-lock\.json$/,
  run: () =>
    checkWithTool(inRoot('node_modules', '.bin', 'depcruise'), [
      '--config',
      inRoot('.config', 'dependency-cruiser.js'),
      'src',
    ]),
};
