/**
 * `npm run release:check -- v1.2.3`: whether this commit may be published under that tag. Exit status 1, and what to
 * do, when it may not.
 */
import { root } from '../lib/root.js';
import { problems } from './problems.js';

const [tag = ''] = process.argv.slice(2);
const found = problems(root, tag);
for (const problem of found) process.stderr.write(`not to be released: ${problem}\n`);
process.exitCode = found.length > 0 ? 1 : 0;
