/** Where a result goes: the JSON to bench-results/, the page there or, of a full run, to docs/. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../../lib/root.js';
import { renderPage } from './page.js';
import { renderPlot } from './plots.js';

/** @import { Result } from './result.js' */

const results = 'bench-results';

/** @param {Result} result @returns {string} the file, relative to the checkout */
export function writeResult(result) {
  const name = `${result.machine.date.replaceAll(':', '-').slice(0, 19)}.json`;
  const file = path.join(results, name);
  mkdirSync(inRoot(results), { recursive: true });
  writeFileSync(inRoot(file), `${JSON.stringify(result, undefined, 2)}\n`);
  return file;
}

/**
 * @param {string} file as the user gave it
 * @returns {Result}
 */
export const readResult = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** @param {Result} result @returns {Promise<string>} the page's file, relative to the checkout */
export async function writePage(result) {
  const folder = result.full ? 'docs' : results;
  const pictures = 'benchmarks';
  // Pictures of workloads that are gone go with them.
  rmSync(inRoot(folder, pictures), { recursive: true, force: true });
  mkdirSync(inRoot(folder, pictures), { recursive: true });
  for (const of of result.results) {
    const file = inRoot(folder, pictures, `${of.workload}.svg`);
    writeFileSync(file, `${await renderPlot(result, of)}\n`);
  }
  const page = path.join(folder, 'BENCHMARKS.md');
  writeFileSync(inRoot(page), renderPage(result, pictures));
  return page;
}
