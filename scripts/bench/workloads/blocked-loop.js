import { setTimeout as delay } from 'node:timers/promises';
import { blockedMs } from '../peers/library.js';
import { needsLoadProgram, runLoadProgram, startLoadServerOnLoopback } from './load-program.js';

/** @import { Target, Workload } from './workload.js' */

/** Traffic flows for a moment before JavaScript stops, and ends about when it goes on. */
const leadMs = 300;
const seconds = (leadMs + blockedMs) / 1000;
const intervalMs = 20;
/** From connect to answer. It takes a millisecond or a few, and more when the load's core is taken away. */
const lateMs = 250;

/** @param {Target} target */
async function bulkAndNewSessions(target) {
  const untilOver = 0;
  const [bulk, sessions] = await Promise.all([
    runLoadProgram('transfer', target, [seconds, untilOver]),
    runLoadProgram('pace', target, [seconds, intervalMs, lateMs]),
  ]);
  const { bytes = 0, seconds: taken = Number.NaN } = bulk;
  const { opened = 0, refused = 0, late = 0, slowestMs = 0 } = sessions;
  return { rate: bytes / taken, opened, refused, late, slowestMs };
}

/** @type {Workload} */
export const blockedLoop = {
  name: 'blocked-loop',
  title: `JavaScript blocked for ${blockedMs / 1000} s: one bulk stream, a new session each ${intervalMs} ms`,
  unit: 'stall',
  needs: needsLoadProgram,
  peers: ['library', 'library-accept-node'],
  onlyThesePeers: true,
  startServer: startLoadServerOnLoopback,

  async warmUp(target) {
    await runLoadProgram('transfer', target, [1, 0]);
    return undefined;
  },

  async measure(target) {
    const free = await bulkAndNewSessions(target);
    const [blocked] = await Promise.all([
      bulkAndNewSessions(target),
      delay(leadMs).then(target.blockJavaScript),
    ]);
    return {
      kept: blocked.rate / free.rate,
      refused: blocked.refused,
      late: blocked.late,
      slowest: blocked.slowestMs,
      slowestUnblocked: free.slowestMs,
      bytesPerSecond: blocked.rate,
      opened: blocked.opened,
    };
  },
};
