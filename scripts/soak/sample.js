/** What a process holds, from /proc. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/**
 * @typedef {object} Holdings
 * @property {number} descriptors
 * @property {number} pipes ends of pipes among them, without those of its standard streams
 * @property {number} threads
 * @property {number} resident bytes of memory
 * @property {number} cpuSeconds user and system time since its start
 */

/** Ticks of the kernel's clock a second, as /proc counts: USER_HZ, which is 100 wherever Node runs. */
const ticks = 100;

/** @param {number} pid @returns {Holdings} */
export function holdingsOf(pid) {
  const targets = readdirSync(`/proc/${pid}/fd`).flatMap((descriptor) => {
    if (Number(descriptor) <= 2) return [];
    try {
      return [readlinkSync(`/proc/${pid}/fd/${descriptor}`)];
    } catch {
      // Closed since the folder was read.
      return [];
    }
  });
  // proc(5): the name, in brackets, may hold anything; utime and stime are fields 14 and 15.
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
  // smaps_rollup is exact, where statm lags by a batch of pages a thread.
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return {
    resident: Number(rollup.match(/^Rss:\s+(\d+) kB$/m)?.[1]) * 1024,
    descriptors: targets.length,
    pipes: targets.filter((target) => target.startsWith('pipe:')).length,
    threads: readdirSync(`/proc/${pid}/task`).length,
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / ticks,
  };
}
