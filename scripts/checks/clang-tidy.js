/** clang-tidy over the native sources, as many at a time as there are processors. */
import { existsSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import path from 'node:path';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { readStamp, writeStamp } from '../lib/stamps.js';
import { tally } from '../lib/tally.js';
import { skippedFor } from './step.js';

/** @import { Step } from './step.js' */

/** @returns {string | undefined} the folder with node_api.h of the running Node, if it is anywhere */
function nodeHeaders() {
  const version = process.versions.node;
  return [
    path.resolve(process.execPath, '..', '..', 'include', 'node'),
    path.join(process.env.npm_config_nodedir ?? '/usr', 'include', 'node'),
    path.join(homedir(), '.cache', 'node-gyp', version, 'include', 'node'),
  ].find((folder) => existsSync(path.join(folder, 'node_api.h')));
}

/** @returns {string[]} the flags that the builds use, as far as they change what the code means */
function compilerFlags() {
  const headers = nodeHeaders();
  return [
    '-std=c++20',
    '-fno-exceptions',
    '-fno-rtti',
    `-I${inRoot('native', 'core')}`,
    `-I${inRoot('native', 'addon')}`,
    '-isystem',
    inRoot('node_modules', 'node-addon-api'),
    ...(headers ? ['-isystem', headers] : []),
    '-DNAPI_VERSION=9',
    '-DSPLICEWAY_VERSION="0.0.0"',
    '-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS',
    '-DNODE_ADDON_API_DISABLE_DEPRECATED',
  ];
}

/**
 * A file takes seconds, so those found clean are remembered, by their content and all that it depends on.
 *
 * @returns {Record<string, string>} hash by file
 */
function readClean() {
  try {
    return JSON.parse(readStamp('clang-tidy') ?? '{}');
  } catch {
    return {};
  }
}

/** @type {Step} */
export const clangTidy = {
  name: 'clang-tidy',
  title: 'C++ lint (clang-tidy)',

  async run() {
    const program = findProgram('clang-tidy');
    if (program === undefined) return skippedFor('clang-tidy', 'clang-tidy');

    const folders = nodeHeaders() ? ['native/core', 'native/addon'] : ['native/core'];
    const files = listFiles(folders, (file) => file.endsWith('.cc'));
    const flags = compilerFlags();
    const { output: version } = await run(program, ['--version']);
    const shared = ['.clang-tidy', ...listFiles(['native'], (file) => file.endsWith('.h'))];
    const before = readClean();
    /** @type {Record<string, string>} */
    const clean = {};
    const waiting = [...files];
    const worker = async () => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const hash = contentHash([file, ...shared], [version, ...flags]);
        if (before[file] !== hash) {
          const result = await run(program, ['--quiet', file, '--', ...flags]);
          if (result.status !== 0) {
            process.stdout.write(`${file}:\n${result.output}`);
            continue;
          }
        }
        clean[file] = hash;
      }
    };
    await Promise.all(Array.from({ length: availableParallelism() }, worker));
    writeStamp('clang-tidy', JSON.stringify(clean));

    const passed = Object.keys(clean).length;
    return { tally: tally(passed, files.length - passed), note: `${files.length} files` };
  },
};
