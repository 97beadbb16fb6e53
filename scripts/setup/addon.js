/** The native addon: build/Release/spliceway.node, from native/ and binding.gyp. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { compilerEnv } from '../lib/compiler.js';
import { contentHash, listFiles } from '../lib/files.js';
import { inRoot } from '../lib/root.js';
import { findProgram, run } from '../lib/run.js';
import { readStamp, removeStamp, writeStamp } from '../lib/stamps.js';
import { SetupError } from './setup-error.js';

/** @import { SetupStep } from '../setup.js' */

const product = inRoot('build', 'Release', 'spliceway.node');

/** What the addon depends on: its sources, the version it is of, the header package, and the Node it is built for. */
function inputs() {
  const napi = inRoot('node_modules', 'node-addon-api', 'package.json');
  return contentHash(listFiles(['binding.gyp', 'native']), [
    JSON.parse(readFileSync(inRoot('package.json'), 'utf8')).version,
    process.versions.modules,
    process.platform,
    process.arch,
    existsSync(napi) ? JSON.parse(readFileSync(napi, 'utf8')).version : '',
  ]);
}

/** @throws {SetupError} when a tool that node-gyp needs is missing: its own message is a page long */
function checkTools() {
  const compiler = process.env.CXX?.split(' ')[0] ?? 'g++';
  const missing = ['python3', 'make', compiler].filter(
    (name) => findProgram(name) === undefined && !existsSync(name),
  );
  if (missing.length === 0) return;
  throw new SetupError(
    `The native addon cannot be built: ${missing.join(' and ')} not found.\n` +
      'Install python3, make and g++ (Debian, Ubuntu: apt-get install python3 make g++), then try again.',
  );
}

/**
 * node-gyp downloads Node's headers unless it is told of a folder. Where the running Node came with its
 * own headers (the official archives and Debian's packages do), those are the right ones, and the build
 * works without a network. A `nodedir` set by the user goes first.
 *
 * @returns {Promise<NodeJS.ProcessEnv>}
 */
export async function headerSettings() {
  if (process.env.npm_config_nodedir) return {};
  const configured = await run('npm', ['config', 'get', 'nodedir']);
  // Warnings of npm may stand around the value.
  if (configured.output.split('\n').some((line) => path.isAbsolute(line.trim()))) return {};
  const prefix = path.resolve(process.execPath, '..', '..');
  const header = path.join(prefix, 'include', 'node', 'node_version.h');
  if (!existsSync(header)) return {};
  const text = readFileSync(header, 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => text.match(new RegExp(`#define NODE_${part}_VERSION (\\d+)`))?.[1],
  );
  return version.join('.') === process.versions.node ? { npm_config_nodedir: prefix } : {};
}

/** @type {SetupStep} */
export const addon = {
  title: 'building the native addon',

  isDone() {
    // Elsewhere than on Linux there is no splice(2); the stream engine needs no addon.
    if (process.platform !== 'linux') return true;
    return existsSync(product) && readStamp('addon') === inputs();
  },

  async make() {
    checkTools();
    removeStamp('addon');
    const before = inputs();
    const result = await run('npm', ['run', '--silent', 'build:addon'], {
      env: { ...compilerEnv(), ...(await headerSettings()) },
    });
    if (result.status !== 0 || !existsSync(product)) {
      throw new SetupError(
        `${result.output}\nThe native addon did not build (above). It needs python3, make and a C++20 ` +
          'compiler (g++ 11 or later, or clang 14 or later);\n' +
          'on Debian and Ubuntu: apt-get install python3 make g++.',
      );
    }
    writeStamp('addon', before);
  },
};
