/** Packs the package. */
import { mkdirSync } from 'node:fs';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { problems } from './problems.js';

/**
 * @typedef {object} Packed
 * @property {string} file the tarball
 * @property {number} bytes its size
 * @property {number} files how many are in it
 */

/**
 * @throws {Error} with what is not ready, each with what to do
 * @returns {Promise<Packed>}
 */
export async function pack() {
  const found = problems();
  if (found.length > 0)
    throw new Error(found.map((text) => `not to be packed: ${text}`).join('\n'));
  const to = inRoot('build');
  mkdirSync(to, { recursive: true });
  const { status, output } = await run('npm', ['pack', '--json', '--pack-destination', to]);
  if (status !== 0) throw new Error(`${output}\nnpm pack failed (above).`);
  // Warnings of npm may stand before the list.
  const [{ filename, size, entryCount }] = JSON.parse(output.slice(output.search(/^\[/m)));
  return { file: inRoot('build', filename), bytes: size, files: entryCount };
}
