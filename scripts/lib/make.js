/** The C++ programs that make builds: the core's tests, the simulator, the fuzzers, the measurements. All of them in test/native. */
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { compilerEnv } from './compiler.js';
import { inRoot } from './root.js';
import { findProgram, run } from './run.js';

/** @import { RunOptions, RunResult } from './run.js' */

/** @typedef {'Makefile' | 'simulator/Makefile' | 'fuzz/Makefile' | 'measure/Makefile'} Makefile */

/**
 * @param {Makefile} makefile below test/native
 * @param {readonly string[]} args targets and variables
 * @param {number} [jobs]
 * @returns {string[]} of make
 */
const words = (makefile, args, jobs = availableParallelism()) => [
  ...['--no-print-directory', '--silent', `--jobs=${jobs}`],
  ...['-C', inRoot('test', 'native'), '-f', makefile],
  ...args,
];

/**
 * Runs what is built; see `build`.
 *
 * @param {Makefile} makefile
 * @param {readonly string[]} args
 * @param {RunOptions} [options]
 * @returns {Promise<RunResult>}
 */
export const make = (makefile, args, options) => run('make', words(makefile, args), options);

/**
 * Builds. One at a time in this checkout: what they build they share.
 *
 * @param {Makefile} makefile
 * @param {readonly string[]} args
 * @param {{ apart?: boolean }} [options] `apart`: nobody else builds the same, so others may run beside it
 * @throws {Error} with what the compiler said
 */
export async function build(makefile, args, { apart = false } = {}) {
  const flock = findProgram('flock');
  mkdirSync(inRoot('out'), { recursive: true });
  const lock = flock && !apart ? [flock, inRoot('out', 'native.lock')] : [];
  const [command = 'make', ...rest] = [
    ...lock,
    'make',
    ...words(makefile, args, apart ? 1 : undefined),
  ];
  const { status, output } = await run(command, rest, { env: compilerEnv() });
  if (status !== 0) throw new Error(`test/native/${makefile} does not build:\n${output}`);
}
