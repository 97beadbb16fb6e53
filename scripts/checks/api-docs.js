import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { apiFile, apiPage } from '../api-docs/api-page.js';
import { tally } from '../lib/tally.js';

/** @import { Step } from './step.js' */

/**
 * The public API has a comment wherever it can, every link in one leads somewhere, and docs/api.md has them as they are.
 *
 * @type {Step}
 */
export const apiDocs = {
  name: 'api-docs',
  title: 'Comments of the public API, and docs/api.md (TypeDoc)',
  lane: 'tools',
  affectedBy:
    /^(src|\.config|scripts\/api-docs)\/|^docs\/api\.md$|^(tsconfig.*|package-lock)\.json$/,
  async run({ fix }) {
    const { text, output } = await apiPage();
    if (text !== undefined && fix) writeFileSync(apiFile, text);
    if (existsSync(apiFile) && readFileSync(apiFile, 'utf8') === text) return { tally: tally(1) };
    const stale = 'docs/api.md is not what the comments say: npm run docs:api writes it\n';
    process.stdout.write(text === undefined ? output : stale);
    return { tally: tally(0, 1) };
  },
};
