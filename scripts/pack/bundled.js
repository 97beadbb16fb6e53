/** Packages of others that dist/ carries parts of; the bundler's own is one, for its helpers come before what it bundles. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/root.js';
import { vendored } from '../lib/vendor.js';

/**
 * @typedef {object} Bundled
 * @property {string} ref as a bill of materials names it
 * @property {string} notice the text of its licence
 */

const bundler = inRoot('node_modules', 'rolldown');

/** @returns {Promise<Bundled[]>} */
export async function bundled() {
  const folders = [bundler, ...(await vendored()).flatMap((part) => part.folders)];
  return [...new Set(folders)].map((folder) => {
    const { name, version } = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8'));
    return { ref: `${name}@${version}`, notice: noticeIn(folder) };
  });
}

/** @param {string} folder @throws {Error} where a package brings none: then it may not be taken in */
function noticeIn(folder) {
  const name = readdirSync(folder).find((file) => /^licen[cs]e(\.(md|txt))?$/i.test(file));
  if (name === undefined) throw new Error(`${folder} has no text of its licence`);
  return readFileSync(path.join(folder, name), 'utf8');
}
