/** `npm run docs:metrics`: brings the tables of docs/metrics.md up to date. */
import { readFileSync, writeFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { withMetrics } from './page.js';

const { metricTable } = await import(inRoot('dist', 'control', 'status', 'metrics', 'table.js'));

const file = inRoot('docs', 'metrics.md');
writeFileSync(file, withMetrics(readFileSync(file, 'utf8'), metricTable));
