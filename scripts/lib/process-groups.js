/** Child processes that end with this one, with all that they have started. */

/** @import { ChildProcess } from 'node:child_process' */

/** @type {Set<ChildProcess>} */
const alive = new Set();

const signals = /** @type {const} */ ({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 });

for (const [name, number] of Object.entries(signals)) {
  process.once(name, () => {
    for (const { pid } of alive) if (pid !== undefined) endGroup(pid);
    process.exit(128 + number);
  });
}

/** @param {number} pid of the first in a group of processes */
export function endGroup(pid) {
  try {
    process.kill(-pid, 'SIGTERM');
  } catch {
    // It has ended just now.
  }
}

/** @param {ChildProcess} child that was started with `detached`, which makes it the first of a group */
export function asGroup(child) {
  alive.add(child);
  child.once('close', () => alive.delete(child));
}
