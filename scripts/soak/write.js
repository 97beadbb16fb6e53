/** Where the result of a soak goes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { renderPage } from './page.js';
import { renderPlot } from './plot.js';

/** @import { Result } from './soak.js' */

/**
 * @param {Result} result
 * @param {{ out: string, page: boolean }} options
 * @returns {Promise<string>} where to look
 */
export async function writeResult(result, { out, page }) {
  const plot = `${await renderPlot(result)}\n`;
  mkdirSync(out, { recursive: true });
  writeFileSync(path.join(out, 'soak.json'), `${JSON.stringify(result, undefined, 2)}\n`);
  writeFileSync(path.join(out, 'soak.svg'), plot);
  if (!page) return out;
  mkdirSync(inRoot('docs', 'soak'), { recursive: true });
  writeFileSync(inRoot('docs', 'soak', 'soak.svg'), plot);
  writeFileSync(inRoot('docs', 'soak.md'), renderPage(result, 'soak/soak.svg'));
  return `${out}, and to docs/soak.md`;
}
