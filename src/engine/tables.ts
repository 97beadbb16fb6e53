/** What an engine goes by while it runs: where backends are, which take sessions, and what holds for each listener. */
import type { ResolvedAddress } from '../model/address.js';
import type { PickPlan } from '../policy/plan.js';
import type { ClientLimits, SessionTimeouts } from './engine.js';
import type { PoolHistograms } from './histogram.js';

/** Listeners that a process may have at once, those that their last sessions have not left included. */
export const LISTENER_ROWS = 1024;
/** The same of backends. The last number of 16 bits names none. */
export const BACKEND_ROWS = 65_535;

/** `drain`: an operator wants it empty. `down`: it does not answer. */
export type BackendState = 'up' | 'drain' | 'down';

/** What holds for all sessions of a pool, and for clients who wait for a place in it. */
export interface PoolLimits {
  /** Sessions at once over all its backends, those included that are on their way; 0 is any number. */
  readonly maxSessions: number;
  /** Clients who may wait at once; 0 is none. */
  readonly queueLength: number;
  /** How long each may wait, in milliseconds; 0 is any time. */
  readonly queueMs: number;
}

/** What came of clients who were to wait for a place in a pool, since it is there. */
export interface QueueFigures {
  /** They got a place. */
  readonly served: number;
  /** They had waited for as long as one may. */
  readonly timedOut: number;
  /** As many waited as may. */
  readonly refused: number;
  /** They left while they waited. */
  readonly left: number;
}

/** Sessions of one backend, of one listener, or of both at once. */
export interface SessionsOf {
  readonly backend?: number | undefined;
  readonly listener?: number | undefined;
}

/**
 * Numbers are rows of the counters, below `LISTENER_ROWS` and `BACKEND_ROWS`. After the engine is closed, nothing is done.
 *
 * The life of a row: it is said what is behind it, then it is taken out, then it is vacant when the last session has
 * left, then it is cleared, and may be another's.
 */
export interface EngineTables {
  /** From here on changes are collected, for `publish()` to have them in effect at once. What goes on counts at once. */
  hold(): void;
  publish(): void;
  /** Resolves when every loop goes by all that was published, and has done what it was told before. */
  inEffect(): Promise<void>;
  /**
   * The same, and whoever was accepted before has been sent on its way, also of those about whom somebody has to be asked:
   * but not of those for whom the answer is still waited for.
   */
  settled(): Promise<void>;

  /**
   * Says where a backend is: its addresses in the order to try them. For attempts that begin afterwards; a backend
   * of which nothing was said has none. In turn, each session begins with the address after that of the one before.
   *
   * @param pool number of its pool, which stays the same until the row is cleared
   */
  setBackend(
    row: number,
    addresses: readonly ResolvedAddress[],
    inTurn: boolean,
    pool: number,
  ): void;
  /**
   * Says which addresses of this machine connections to a backend come from. They are used in turn, those of the family of the
   * backend's address; without one, the system picks.
   */
  setSources(row: number, addresses: readonly string[]): void;
  /**
   * Says how many sessions a backend may have at once, those included that are on their way to it; 0 is any number.
   * Sessions pass over a backend that is full, which has not failed: it counts as `rejected`, and the route is asked for
   * another.
   */
  limitBackend(row: number, maxSessions: number): void;
  /**
   * Whether new sessions may set out for a backend, which is up at first. They pass over one that drains, or is down; but
   * see `PickPlan.triesDown`.
   */
  setBackendState(row: number, state: BackendState): void;
  /**
   * How many sessions, one after the other, a backend has ended within `earlyResetMs` of their beginning without a byte. The next
   * byte that a session gets from it as its first one forgets them.
   */
  earlyResets(row: number): number;
  /** Counts them anew. */
  forgetEarlyResets(row: number): void;
  /** Takes a backend out, which is in no cycle any more. Its sessions go on. */
  removeBackend(row: number): void;
  /** Whether no session is at the backend, or on its way to it, nor will be while it is not up, or removed. */
  isBackendVacant(row: number): boolean;
  /** Makes a vacant row as it was before its first backend. */
  clearBackend(row: number): void;

  /**
   * Says what holds for all sessions of a pool. A backend is full where its pool is. Those beyond a lower limit go on, and
   * so do those who wait in a queue that is too long now.
   */
  limitPool(pool: number, limits: PoolLimits): void;
  /** How many wait for a place in a pool. While there are any, clients who come go behind. */
  queued(pool: number): number;
  queueFigures(pool: number): QueueFigures;
  /** Of sessions that had a backend of a pool, since it is there; also after the engine is closed. */
  histograms(pool: number): PoolHistograms;
  /** Makes a pool as it was before its first backend, once the rows of all that it had are clear. Its number may be another's. */
  clearPool(pool: number): void;

  /**
   * Nobody comes from a listener any more. Where the engine accepts on it, those are taken first who wait already. Returns at
   * once.
   */
  closeListener(row: number): void;
  /** Whether a listener that was closed has no sessions left. */
  isListenerVacant(row: number): boolean;
  /** Makes a vacant row as it was before its first listener. */
  clearListener(row: number): void;

  /** Ends them with a reset. Who is only on the way to the backend goes to another one. */
  endSessions(sessions: SessionsOf): void;
  /**
   * Ends so many sessions of a backend, in order and with the reason `rebalanced`: of those that nobody waits for anything in,
   * and in which no byte has moved for so long. There may be fewer.
   */
  endIdle(row: number, idleMs: number, most: number): void;
  /** Whether sessions of a backend are still looked for, to end them as was asked. */
  isSwept(row: number): boolean;
}

/** What a listener of the configuration may have, over all its addresses. */
export interface ServiceLimits {
  /** Which one it is, from 1 on: no two ever have the same number. */
  readonly service: number;
  /** Sessions at once, those included that were there before; 0 is any number. Those beyond a lower limit go on. */
  readonly maxSessions: number;
  /** Sessions at once of one client. Those count that begin while there is a limit. */
  readonly clients: ClientLimits;
}

/** What holds for clients that a listener takes from now on. */
export interface ListenerPlan {
  /** The pool that the loops pick from. */
  readonly pool: number;
  /** `cycle`: the loops pick, by the pool's cycle. `ask`: the route of each client is asked before each pick. */
  readonly picks: 'cycle' | 'ask';
  readonly timeouts: SessionTimeouts;
  readonly clientLimits: ClientLimits;
  /** Without it, only what holds for all listeners. */
  readonly serviceLimits?: ServiceLimits;
}

/** Of an engine that accepts and picks by itself. */
export interface AcceptingTables extends EngineTables {
  /** How clients of a pool are served; `undefined` takes the pool away. */
  setPool(pool: number, plan: PickPlan | undefined): void;
  /** To be said before `listen()`, and again whenever it changes. */
  setListener(row: number, plan: ListenerPlan): void;
  /** Sessions that a backend has now, also those that the loops have picked for, and those on their way to it. */
  inUse(row: number): number;
  /** Leaves a listener that was closed without a pool, whose number may be another's. */
  detachListener(row: number): void;
  /**
   * Accepts on a listening socket. The engine owns the descriptor from here on.
   *
   * @param isPaused whether it begins as after `pauseListener()`
   */
  listen(row: number, descriptor: number, isPaused: boolean): void;
  /** Leaves clients in the queue of the kernel until `resumeListener()`. */
  pauseListener(row: number): void;
  resumeListener(row: number): void;
}
