/**
 * Who runs on which core. The proxy alone on one core, everything else on another: its CPU time is then
 * not bent by neighbours, and all peers meet the same conditions.
 */
import { readFileSync } from 'node:fs';
import { findProgram } from '../../lib/run.js';

/** @typedef {'load' | 'proxy'} Role */

/**
 * The cores that this process may use: containers and cpusets seldom begin at core 0.
 *
 * @param {string} list as the kernel writes it, such as `0-3,8`; proc_pid_status(5)
 * @returns {number[]} ascending
 */
export function parseCoreList(list) {
  return list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
}

/** @returns {number[]} none where /proc does not tell */
function allowedCores() {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const list = status.match(/^Cpus_allowed_list:\s*(\S+)/m)?.[1];
    return list === undefined ? [] : parseCoreList(list);
  } catch {
    return [];
  }
}

const [load, proxy] = allowedCores();
const taskset = proxy === undefined ? undefined : findProgram('taskset');

/** @type {Readonly<Record<Role, number | undefined>>} */
const cores = { load, proxy };

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
