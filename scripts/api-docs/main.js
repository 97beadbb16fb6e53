/** `npm run docs:api`: brings docs/api.md up to date. */
import { writeFileSync } from 'node:fs';
import { apiFile, apiPage } from './api-page.js';

const { text, output } = await apiPage();
if (text === undefined) {
  process.stderr.write(output);
  process.exitCode = 1;
} else {
  writeFileSync(apiFile, text);
}
