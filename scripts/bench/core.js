/** `npm run bench -- --only core`: what pieces of the core cost, in a small C++ program of its own. */
import { build } from '../lib/make.js';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { formatNumber } from './report/numbers.js';
import { renderText } from './report/table.js';

/** @typedef {{ what: string, value: number, unit: string }} Figure */

/**
 * @param {string} output of the program: a line of JSON for each figure, among others
 * @returns {Figure[]} the last one of those of the same words
 */
export function figuresIn(output) {
  /** @type {Map<string, Figure>} */
  const figures = new Map();
  for (const line of output.split('\n').filter((text) => text.startsWith('{'))) {
    const figure = /** @type {Figure} */ (JSON.parse(line));
    figures.set(figure.what, figure);
  }
  return [...figures.values()];
}

/** @returns {Promise<number>} exit status: 1 when something failed */
export async function measureCore() {
  await build('measure/Makefile', []);
  const program = inRoot('out', 'native', 'plain', 'measure', 'core-measure');
  const { status, output } = await run(program, []);
  const rows = figuresIn(output).map(({ what, value, unit }) => [
    what,
    formatNumber(value, 2),
    unit,
  ]);
  process.stdout.write(`${renderText({ head: ['', 'figure', 'unit'], rows })}\n`);
  if (status !== 0) process.stdout.write(output);
  return status === 0 ? 0 : 1;
}
