/**
 * Who runs on which core. The proxy alone on one core, everything else on another: its CPU time is then
 * not bent by neighbours, and all peers meet the same conditions.
 */
import { availableParallelism } from 'node:os';
import { findProgram } from '../../lib/run.js';

/** @typedef {'load' | 'proxy'} Role */

const taskset = availableParallelism() >= 2 ? findProgram('taskset') : undefined;

/** @type {Readonly<Record<Role, number>>} */
const cores = { load: 0, proxy: 1 };

/** For the report. */
export const pinning = taskset
  ? `clients and servers on core ${cores.load}, the proxy on core ${cores.proxy}`
  : 'none (needs two cores, and taskset of util-linux)';

/**
 * @param {Role} role
 * @param {string} command
 * @param {readonly string[]} args
 * @returns {[string, string[]]} what to run instead; it becomes the command, with the same process id
 */
export function pinned(role, command, args) {
  if (taskset === undefined) return [command, [...args]];
  return [taskset, ['--cpu-list', String(cores[role]), command, ...args]];
}
