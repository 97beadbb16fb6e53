import { readFileSync } from 'node:fs';

/** USER_HZ, the unit of times in /proc: 100 on every architecture that Node runs on. */
const ticksPerSecond = 100;

/**
 * @param {number} pid
 * @returns {number} seconds of processor time, user and system, of all the process's threads so far
 */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the name, is in brackets and may hold anything. proc_pid_stat(5) counts from 1:
  // utime is field 14 and stime field 15; field 3 is the first after the bracket.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[14 - 3]) + Number(fields[15 - 3])) / ticksPerSecond;
}
