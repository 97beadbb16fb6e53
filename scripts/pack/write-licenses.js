/** `npm run docs:licenses`: brings docs/third-party-licenses.md up to date. */
import { writeFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { licensesPage } from './licenses.js';
import { sbom } from './sbom.js';

writeFileSync(inRoot('docs', 'third-party-licenses.md'), await licensesPage(await sbom()));
