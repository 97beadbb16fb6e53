/** Programs of a benchmark: servers and proxies that run until stopped, clients that run to their end. */
import * as programs from '../../lib/program.js';
import { run } from '../../lib/run.js';
import { pinned } from './pinning.js';

/** @import { ProgramOptions, RunningProgram } from '../../lib/program.js' */
/** @import { Role } from './pinning.js' */

/**
 * Starts a program on the core of its role and waits until it is ready.
 *
 * @template T
 * @param {Role} role
 * @param {string} command
 * @param {readonly string[]} args
 * @param {(output: string, pid: number) => T | undefined | Promise<T | undefined>} ready asked again and
 *   again with what the program has printed so far
 * @param {ProgramOptions} [options]
 * @returns {Promise<Omit<RunningProgram, 'stop'> & { answer: T, stop: () => Promise<void> }>} with what
 *   `ready` gave
 */
export async function startProgram(role, command, args, ready, options) {
  const running = await programs.startProgram(...pinned(role, command, args), ready, options);
  return { ...running, stop: async () => void (await running.stop()) };
}

/** Much longer than any run: a load that hangs must not hold up those after it. */
const loadDeadlineSeconds = 120;

/**
 * Runs a load generator to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {string} [namespace] the network namespace to run in
 * @returns {Promise<string>} what it printed
 * @throws when its exit status is not 0; that of timeout(1) is 124
 */
export async function runLoad(command, args, namespace) {
  const limited = ['--kill-after=5', String(loadDeadlineSeconds), command, ...args];
  const result = await run(...programs.placed(...pinned('load', 'timeout', limited), namespace));
  if (result.status === 0) return result.output;
  throw new Error(`${command} ${args.join(' ')}: exit status ${result.status}\n${result.output}`);
}
