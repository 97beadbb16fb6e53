/** What others wrote that dist/ carries: each file of src/vendor takes from a package what is used of it. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from './root.js';

const banner =
  '// What others wrote, as they wrote it. Their licences: docs/third-party-licenses.md\n';

/**
 * @typedef {object} Vendored
 * @property {string} file relative to the checkout
 * @property {string} code all of it: it imports modules of Node and nothing else
 * @property {string[]} folders of the packages that parts of it come from
 */

/** @returns {Promise<Vendored[]>} */
export const vendored = () =>
  Promise.all(readdirSync(inRoot('src', 'vendor')).map((name) => bundle(path.parse(name).name)));

/** @param {string} name @returns {Promise<Vendored>} */
async function bundle(name) {
  const input = inRoot('src', 'vendor', `${name}.ts`);
  // Loaded only here: what runs before npm has installed anything, such as `npm test` in a fresh clone, imports this module.
  const { rolldown } = await import('rolldown');
  const build = await rolldown({ input, platform: 'node' });
  const { output } = await build.generate({ format: 'esm', banner });
  await build.close();
  const [chunk, ...more] = output;
  if (more.length > 0) throw new Error(`${input} does not become one file`);
  const folders = chunk.moduleIds.filter((id) => id !== input && existsSync(id)).map(packageOf);
  return {
    file: path.join('dist', 'vendor', `${name}.js`),
    code: chunk.code,
    folders: [...new Set(folders)].sort(),
  };
}

/** @param {string} file @returns {string} the folder of its package; those within a package have no name */
function packageOf(file) {
  const folder = path.dirname(file);
  const manifest = path.join(folder, 'package.json');
  const isPackage = existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).version;
  return isPackage ? folder : packageOf(folder);
}
