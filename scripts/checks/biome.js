import { inRoot } from '../lib/root.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

/** Format, imports and lint of everything that is TypeScript, JavaScript or JSON. @type {Step} */
export const biome = {
  name: 'lint',
  title: 'Format and lint (Biome)',
  lane: 'tools',
  affectedBy: /\.([jt]s|mts|cts|jsonc?)$/,
  run: ({ fix }) =>
    checkWithTool(
      inRoot('node_modules', '.bin', 'biome'),
      fix ? ['check', '--write', '.'] : ['ci', '--error-on-warnings', '.'],
    ),
};
