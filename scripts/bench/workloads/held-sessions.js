/** Sessions that do nothing: what each costs, and how many there can be. */
import { setTimeout as delay } from 'node:timers/promises';
import { openFileLimit } from '../../lib/limits.js';
import { openDescriptors, residentBytes } from '../measure/process-usage.js';
import { holdSessions, needsLoadProgram, startLoadServerOnLoopback } from './load-program.js';
import { sideBySide } from './workload.js';

/** @import { Workload } from './workload.js' */

const descriptorLimit = openFileLimit()?.hard ?? 1024;

/** As many as fit even where a session takes six descriptors (Go's pipes), and no more than this. */
const idleSessions = Math.min(3000, Math.floor((descriptorLimit - 200) / 6));
/** Loads what is loaded once, so that it does not count as memory of sessions. */
const warmUpSessions = 100;
/** Until what is kept for a moment has been given back. */
const settleMs = 1500;

const proxies = sideBySide.filter((name) => name !== 'none');

/** @type {Workload} */
export const idleMemory = {
  name: 'idle-memory',
  title: `memory of ${idleSessions} idle sessions, after one exchange each`,
  unit: 'memory',
  needs: needsLoadProgram,
  peers: proxies,
  fresh: true,
  maxRepetitions: 3,
  startServer: startLoadServerOnLoopback,

  async measure(target) {
    const { pid } = target;
    if (pid === undefined) throw new Error('without a proxy there is no memory to measure');
    const first = await holdSessions(target, warmUpSessions);
    await first.stop();
    await delay(settleMs / 3);
    const before = { memory: residentBytes(pid), descriptors: openDescriptors(pid) };
    const sessions = await holdSessions(target, idleSessions);
    await delay(settleMs);
    const memory = residentBytes(pid) - before.memory;
    const descriptors = openDescriptors(pid) - before.descriptors;
    await sessions.stop();
    if (sessions.held < idleSessions) throw new Error(`only ${sessions.held} sessions`);
    const { held } = sessions;
    return { memory: memory / held, descriptors: descriptors / held, sessions: held };
  },
};

/** Two descriptors a session, less what any program needs for itself. */
const mostSessions = Math.floor(Math.min(descriptorLimit, 20_000) / 2) - 100;

/** @type {Workload} */
export const heldSessions = {
  name: 'held-sessions',
  title: `sessions held at once, of ${mostSessions} that ${descriptorLimit} open files allow`,
  unit: 'sessions',
  needs: needsLoadProgram,
  peers: sideBySide,
  fresh: true,
  maxRepetitions: 2,
  startServer: startLoadServerOnLoopback,

  async measure(target) {
    const sessions = await holdSessions(target, mostSessions);
    const answered = await sessions.askAgain();
    await sessions.stop();
    return { held: sessions.held, answered };
  },
};
