/** What a process holds, from /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/**
 * @param {number} pid
 * @returns {number} resident memory in bytes
 */
export function residentBytes(pid) {
  // VmRSS in status can lag by a batch of pages a thread; this one is exact, at the cost of a walk.
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  return Number(rollup.match(/^Rss:\s+(\d+) kB$/m)?.[1]) * 1024;
}

/** @param {number} pid @returns {number} open file descriptors */
export const openDescriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;

/** @param {number} parent @returns {number | undefined} */
function findChild(parent) {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const child = pids.find((pid) => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      return Number(status.match(/^PPid:\s+(\d+)$/m)?.[1]) === parent;
    } catch {
      return false;
    }
  });
  return child === undefined ? undefined : Number(child);
}

const childDeadlineMs = 5000;

/**
 * @param {number} parent
 * @returns {Promise<number>} its first child, as soon as it has one
 */
export async function childOf(parent) {
  const deadline = performance.now() + childDeadlineMs;
  while (performance.now() < deadline) {
    const child = findChild(parent);
    if (child !== undefined) return child;
    await delay(20);
  }
  throw new Error(`process ${parent} has no child`);
}
