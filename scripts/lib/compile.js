/** The small C++ programs of the scripts: built when their sources have changed. */
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { contentHash, listFiles } from './files.js';
import { inRoot } from './root.js';
import { run } from './run.js';

const core = path.join('native', 'core');
const sockets = path.join('scripts', 'lib', 'sockets');
const flags = [
  ...['-std=c++20', '-O2', '-fno-exceptions', '-fno-rtti'],
  ...['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Werror'],
  ...[`-I${inRoot(core)}`, `-I${inRoot(sockets)}`],
];

/**
 * Every program has the sources of one folder, those of `sockets/`, and the data plane's owner of a
 * descriptor.
 *
 * @param {string} program where it goes, in the checkout
 * @param {string} folder its sources, in the checkout
 * @param {readonly string[]} [libraries] linked with it, such as `crypto`
 * @returns {Promise<string>} the program, absolute
 * @throws with what the compiler said
 */
export async function compile(program, folder, libraries = []) {
  const target = inRoot(program);
  const stamp = `${target}.stamp`;
  const sources = listFiles([folder, sockets, path.join(core, 'sys')]);
  const links = libraries.map((library) => `-l${library}`);
  const hash = contentHash(sources, [...flags, ...links]);
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) {
    return target;
  }
  mkdirSync(path.dirname(target), { recursive: true });
  const units = sources.filter((file) => file.endsWith('.cc'));
  // Under another name first: an old one may be running.
  const draft = `${target}.${process.pid}`;
  const { status, output } = await run('g++', [...flags, ...units, '-o', draft, ...links]);
  if (status !== 0) throw new Error(`${folder} does not compile\n${output}`);
  renameSync(draft, target);
  writeFileSync(stamp, hash);
  return target;
}
