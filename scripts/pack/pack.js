/** Packs the package. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { run } from '../lib/run.js';
import { targets } from '../prebuild/targets.js';
import { problems } from './problems.js';
import { writeSbom } from './sbom.js';

/** @import { Target } from '../prebuild/targets.js' */

/**
 * @typedef {object} Packed
 * @property {string} file the tarball
 * @property {number} bytes its size
 * @property {number} files how many are in it
 */

/**
 * @param {readonly Target[]} [wanted] whose addons have to be there: all, for what is published
 * @throws {Error} with what is not ready, each with what to do
 * @returns {Promise<Packed>}
 */
export async function pack(wanted = targets) {
  const found = problems(wanted);
  if (found.length > 0)
    throw new Error(found.map((text) => `not to be packed: ${text}`).join('\n'));
  return await packInto(inRoot('out'));
}

/**
 * Packs what there is, whole or not: for checks that need no addon.
 *
 * @param {string} to folder of the tarball; made where there is none
 * @throws {Error} when npm fails
 * @returns {Promise<Packed>}
 */
export async function packInto(to) {
  mkdirSync(to, { recursive: true });
  await writeSbom();
  const draft = mkdtempSync(path.join(to, 'draft-'));
  try {
    const { file } = await npmPack(inRoot('.'), draft);
    const { status, output } = await run('tar', ['-xzf', file, '-C', draft]);
    if (status !== 0) throw new Error(`${output}\ntar cannot open ${file} (above).`);
    // npm packs what is in a folder `package` by the same list, so the files stay the same.
    const folder = path.join(draft, 'package');
    removeScripts(path.join(folder, 'package.json'));
    return await npmPack(folder, to);
  } finally {
    rmSync(draft, { recursive: true });
  }
}

/**
 * What only a checkout can run: npm warns whoever installs the tarball of a `prepare` that is not in it.
 *
 * @param {string} file a package.json
 */
function removeScripts(file) {
  const { scripts, devDependencies, ...manifest } = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, `${JSON.stringify(manifest, null, 2)}\n`);
}

/**
 * @param {string} folder of a package
 * @param {string} to folder of the tarball
 * @returns {Promise<Packed>}
 */
async function npmPack(folder, to) {
  const args = ['pack', folder, '--json', '--ignore-scripts', '--pack-destination', to];
  const { status, output } = await run('npm', args);
  if (status !== 0) throw new Error(`${output}\nnpm pack failed (above).`);
  // Warnings of npm may stand before the list.
  const [{ filename, size, entryCount }] = JSON.parse(output.slice(output.search(/^\[/m)));
  return { file: path.join(to, filename), bytes: size, files: entryCount };
}
