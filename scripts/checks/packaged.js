/** What is published, as others will meet it: a tarball, its entries and its types; and nothing that nobody uses. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { sum } from '../lib/tally.js';
import { packInto } from '../pack/pack.js';
import { checkWithTool } from './step.js';

/** @import { Step } from './step.js' */

/** @param {string} name */
const tool = (name) => inRoot('node_modules', '.bin', name);

/** @type {Step} */
export const packaged = {
  name: 'package',
  title: 'The package (publint, are the types wrong, knip)',
  lane: 'tools',
  affectedBy: /^(src|scripts|test|docs|\.config)\/|^[^/]+\.(md|json|ts|gyp)$/,
  async run() {
    const folder = mkdtempSync(path.join(tmpdir(), 'spliceway-packaged-'));
    try {
      const { file } = await packInto(folder);
      const results = await Promise.all([
        checkWithTool(tool('publint'), ['run', file, '--strict']),
        // The package is ESM alone: every Node that it runs on, from 20.19 and 22.12, can require() that, so what
        // CommonJS and the resolution of before 2019 would find in its place does not matter.
        checkWithTool(tool('attw'), [file, '--profile', 'node16', '--no-color']),
        checkWithTool(tool('knip'), ['--config', '.config/knip.jsonc', '--no-progress']),
      ]);
      return { tally: sum(results.map((result) => result.tally)) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};
