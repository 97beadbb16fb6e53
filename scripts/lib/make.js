/** The C++ programs that make builds: the core's tests, the simulator, the fuzzers. */
import { availableParallelism } from 'node:os';
import { compilerEnv } from './compiler.js';
import { run } from './run.js';

/** @import { RunOptions, RunResult } from './run.js' */

/**
 * @param {string} folder with the Makefile, in the checkout
 * @param {readonly string[]} args targets and variables
 * @param {RunOptions & { jobs?: number }} [options]
 * @returns {Promise<RunResult>}
 */
export function make(folder, args, { jobs = availableParallelism(), ...options } = {}) {
  const how = ['--no-print-directory', '--silent', `--jobs=${jobs}`, '-C', folder];
  return run('make', [...how, ...args], {
    ...options,
    env: { ...compilerEnv(), ...options.env },
  });
}

/**
 * The same, for what has to succeed.
 *
 * @param {string} folder
 * @param {readonly string[]} args
 * @param {RunOptions & { jobs?: number }} [options]
 * @throws {Error} with what the compiler said
 */
export async function makeOrThrow(folder, args, options) {
  const { status, output } = await make(folder, args, options);
  if (status !== 0) throw new Error(`${folder} could not be built:\n${output}`);
}
