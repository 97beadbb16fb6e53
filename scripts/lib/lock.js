/**
 * One set-up of a checkout at a time: `npm start` and `npm test` may be typed at once in two terminals.
 *
 * The lock is a file with the holder's process id, beside package.json: node_modules and build are both
 * deleted and made anew by the very steps that it guards.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { inRoot } from './root.js';

const lockFile = inRoot('.setup.lock');
const pollMs = 100;

/** @returns {number | undefined} the process that holds the lock; 0 when the file says nothing usable */
function holder() {
  try {
    return Number.parseInt(readFileSync(lockFile, 'utf8'), 10) || 0;
  } catch {
    return undefined;
  }
}

/** @param {number} pid @returns {boolean} whether there is a process of that number */
export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and is somebody else's.
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * The file appears with its content in it, or not at all: it is written under another name and linked.
 *
 * @returns {boolean} whether this process has the lock now
 */
function tryLock() {
  const draft = `${lockFile}.${process.pid}`;
  writeFileSync(draft, `${process.pid}\n`);
  try {
    linkSync(draft, lockFile);
    return true;
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Takes a dead holder's lock away. Two waiters may both find it dead: the file is moved aside first and
 * looked at again, and put back if the other waiter had already made it its own.
 *
 * @param {number} deadPid
 */
function breakLock(deadPid) {
  const aside = `${lockFile}.${process.pid}.stale`;
  try {
    renameSync(lockFile, aside);
    const pid = Number.parseInt(readFileSync(aside, 'utf8'), 10) || 0;
    if (pid !== deadPid) linkSync(aside, lockFile);
  } catch {
    // Someone else was faster; the next round sees what stands now.
  } finally {
    rmSync(aside, { force: true });
  }
}

/**
 * Runs `work` while this process, alone, holds the lock.
 *
 * @template T
 * @param {(message: string) => void} say told once if there is a wait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withSetupLock(say, work) {
  let told = false;
  while (!tryLock()) {
    const pid = holder();
    if (pid === undefined) continue;
    if (!isAlive(pid) || pid === 0) {
      breakLock(pid);
      continue;
    }
    if (!told) say(`waiting for another set-up of this checkout (process ${pid})`);
    told = true;
    await delay(pollMs);
  }
  const release = () => rmSync(lockFile, { force: true });
  process.once('exit', release);
  try {
    return await work();
  } finally {
    process.removeListener('exit', release);
    release();
  }
}
