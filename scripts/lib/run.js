/**
 * Running other programs: with their output kept, for tools whose output matters only when they fail,
 * or shown as it comes.
 */
import { spawn } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';
import { root } from './root.js';

/**
 * @typedef {object} RunResult
 * @property {number} status exit status; 127 when the program does not exist, 128 + n after signal n
 * @property {string} output standard output and standard error, in the order they came
 */

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd] where to run it; the checkout's folder when not given
 * @property {NodeJS.ProcessEnv} [env] added to this process's environment
 * @property {boolean} [show] also pass the output on to this process's standard output, as it comes
 */

/** Signals have numbers that shells add to 128; only the ones that end programs here matter. */
const signalNumbers = new Map([
  ['SIGHUP', 1],
  ['SIGINT', 2],
  ['SIGABRT', 6],
  ['SIGKILL', 9],
  ['SIGSEGV', 11],
  ['SIGTERM', 15],
]);

/**
 * Runs a program in the checkout's folder and waits for its end. Never rejects: a program that cannot
 * be started gives status 127 and the reason as output.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    /** @type {Buffer[]} */
    const chunks = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (/** @type {Buffer} */ chunk) => {
        chunks.push(chunk);
        if (options.show) process.stdout.write(chunk);
      });
    }
    child.on('error', (error) => {
      resolve({ status: 127, output: `${command}: ${error.message}\n` });
    });
    child.on('close', (code, signal) => {
      const status = code ?? 128 + (signalNumbers.get(signal ?? '') ?? 0);
      resolve({ status, output: Buffer.concat(chunks).toString() });
    });
  });
}

/**
 * Where a program is, looking through PATH and the system folders that an ordinary user's PATH leaves
 * out on Debian (servers live in /usr/sbin).
 *
 * @param {string} name
 * @param {readonly string[]} [moreFolders] looked through last
 * @returns {string | undefined} absolute path
 */
export function findProgram(name, moreFolders = []) {
  const folders = (process.env.PATH ?? '').split(path.delimiter);
  for (const folder of [...folders, '/usr/local/sbin', '/usr/sbin', '/sbin', ...moreFolders]) {
    const candidate = path.join(folder, name);
    try {
      accessSync(candidate, constants.X_OK);
      return candidate;
    } catch {
      // Not here; try the next folder.
    }
  }
  return undefined;
}
