/** The figures of a proxy at one moment. */

import type { Counters } from '../engine/counters.js';
import type { EngineTables } from '../engine/tables.js';
import type { AdminState } from '../model/admin-state.js';
import { type BackendOverride, isOverridden } from '../model/overlay.js';
import type { Backend } from '../pool/backend.js';
import type { HealthStats } from '../pool/health/backend-health.js';
import type { Pool } from '../pool/pool.js';
import type { Ledger } from './ledger.js';

/** Figures of one listener, one backend, or the handoffs. */
export interface RowStats {
  /** Sessions alive now. */
  readonly open: number;
  /** Sessions since the start. */
  readonly opened: number;
  /** Listener: sessions that found no backend. Backend: sessions that could not reach it. */
  readonly failed: number;
  /**
   * Listener: clients that were refused because their address had as many sessions as one may, or because they were this
   * proxy itself, which are no sessions, and those that the filter denied. Backend: sessions that passed it over because it had as many as it may.
   */
  readonly rejected: number;
  /** Sessions that were ended so that their clients come back to a backend that has fewer. */
  readonly rebalanced: number;
  /** Bytes passed from clients to backends since the start. */
  readonly bytesUpstream: number;
  /** Bytes passed from backends to clients since the start. */
  readonly bytesDownstream: number;
}

/** Figures of one address of a listener. */
export interface ListenerStats extends RowStats {
  /** Name of the listener: `default` in the short form. */
  readonly name: string;
  /** Where it listens: `host:port` with the real port, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  /** Of the listener, over all its addresses, as in its options; `undefined` is what the process may have. */
  readonly maxSessions: number | undefined;
}

/** Figures of one backend. */
export interface BackendStats extends RowStats {
  /** Its pool: `default` in the short form. */
  readonly pool: string;
  /** Its name: its address, where it was given no other. */
  readonly name: string;
  /** Its address as it was given, normalised. */
  readonly address: string;
  /** 1 to 1000: what was set by hand, or else as in the options. */
  readonly weight: number;
  /** Sessions at once, in the same way; `undefined` is any number. */
  readonly maxSessions: number | undefined;
  /** What was asked of it; `removed`: it is in no pool any more, and listed until its last session has left. */
  readonly state: AdminState | 'removed';
  /** What the options say of it, whatever was set since. */
  readonly configured: Pick<BackendStats, 'weight' | 'maxSessions'>;
  /** What was set by hand since, and not taken back; absent where nothing was. */
  readonly override?: BackendOverride;
  /** What checks, clients and operators say of it. */
  readonly health: HealthStats;
  /**
   * How often an attempt to connect to one of its addresses found no local port left (EADDRNOTAVAIL), from none of the source
   * addresses. It has not failed: the session goes to another backend, or waits and tries again, which counts again.
   */
  readonly noPort: number;
}

/** Clients who were to wait for a place at a backend of a pool. */
export interface QueueStats {
  /** How many wait now. */
  readonly length: number;
  /** They got a place. */
  readonly served: number;
  /** They had waited for as long as one may, and were disconnected. */
  readonly timedOut: number;
  /** As many waited as may, so they were disconnected. */
  readonly refused: number;
  /** They left while they waited. */
  readonly left: number;
}

/** Figures of one pool. */
export interface PoolStats {
  /** Its name: `default` in the short form. */
  readonly name: string;
  /** As in the options; `undefined` is any number. */
  readonly maxPoolSessions: number | undefined;
  /** Of its queue, since the pool is there. */
  readonly queue: QueueStats;
}

/** What `Proxy.stats()` returns: a copy, which nothing changes any more. Bytes and sessions count from the start. */
export interface ProxyStats {
  /** Which engine runs. */
  readonly engine: 'native' | 'stream';
  /** Counts up with each change that took effect, from 1 on. */
  readonly generation: number;
  /** Over all listeners, those included that were removed since, and handoffs. */
  readonly sessions: Pick<RowStats, 'open' | 'opened' | 'failed' | 'rejected'>;
  /**
   * Sessions that went on before any listener of `session` had heard of them, since the event loop stood still for a quarter
   * of a second: most are made known late, and of some there is but a warning. Only the native engine accepts meanwhile.
   */
  readonly unheard: number;
  /** Over all sessions, those included that are still open. */
  readonly bytes: {
    /** From clients to backends. */
    readonly upstream: number;
    /** From backends to clients. */
    readonly downstream: number;
  };
  /** In the order of the options. */
  readonly listeners: readonly ListenerStats[];
  /** Sessions that came in through `handoff()`. */
  readonly handoff: RowStats;
  /** In the order of the options. */
  readonly pools: readonly PoolStats[];
  /** In the order of the options; last those that were removed and have sessions left. */
  readonly backends: readonly BackendStats[];
}

/** What there are figures of. */
export interface Counted {
  readonly engine: ProxyStats['engine'];
  readonly generation: number;
  readonly counters: Counters;
  readonly tables: Pick<EngineTables, 'queued' | 'queueFigures'>;
  /** Where clients come in, in the order of the options. */
  readonly listeners: Iterable<{
    readonly row: number;
    readonly name: string;
    readonly address: string;
    readonly maxSessions: number | undefined;
  }>;
  /** Rows of listeners that were removed and have sessions left. */
  readonly leaving: Iterable<number>;
  /** Row of the handoffs. */
  readonly handoff: number;
  /** In the order of the options. */
  readonly pools: Iterable<Pool>;
  /** In the order of the options. */
  readonly backends: Iterable<Backend>;
  readonly ledger: Ledger;
}

/** Sessions alive now, over all listeners and handoffs. */
export function openSessions({ counters, listeners, leaving, handoff }: Counted): number {
  const rows = [handoff, ...Array.from(listeners, ({ row }) => row), ...leaving];
  return rows.reduce((sum, row) => sum + counters.listener(row).open, 0);
}

/** Reads the engine's counters, which cost its loops nothing. */
export function readStats(counted: Counted): ProxyStats {
  const { engine, generation, counters, tables, ledger } = counted;
  const handoff = counters.listener(counted.handoff);
  const listeners = Array.from(counted.listeners, ({ row, ...shown }) => ({
    row,
    shown: { ...shown, ...counters.listener(row) },
  }));
  const leaving = Array.from(counted.leaving);
  const rows = [
    ledger.sum,
    handoff,
    ...listeners.map(({ shown }) => shown),
    ...leaving.map((row) => counters.listener(row)),
  ];
  const total = (name: keyof RowStats) => rows.reduce((sum, row) => sum + row[name], 0);
  const unheard = [...listeners.map(({ row }) => row), ...leaving].map((row) =>
    counters.unheard(row),
  );
  return {
    engine,
    generation,
    sessions: {
      open: total('open'),
      opened: total('opened'),
      failed: total('failed'),
      rejected: total('rejected'),
    },
    unheard: unheard.reduce((sum, count) => sum + count, ledger.unheard),
    bytes: { upstream: total('bytesUpstream'), downstream: total('bytesDownstream') },
    listeners: listeners.map(({ shown }) => shown),
    handoff,
    pools: Array.from(counted.pools, ({ name, number, settings }) => ({
      name,
      maxPoolSessions: settings.limits.maxSessions || undefined,
      queue: { length: tables.queued(number), ...tables.queueFigures(number) },
    })),
    backends: Array.from(counted.backends, (backend) => ({
      ...shownOf(backend),
      ...counters.backend(backend.row),
    })),
  };
}

/** What the figures of a backend are of. What was set of one that is removed went with it. */
function shownOf(backend: Backend): Omit<BackendStats, keyof RowStats> {
  const { pool, name, address, weight, maxSessions, state, isGone, config, override } = backend;
  return {
    pool,
    name,
    address,
    weight,
    maxSessions: maxSessions || undefined,
    state: isGone ? 'removed' : state,
    configured: { weight: config.weight, maxSessions: config.maxSessions },
    ...(isGone || !isOverridden(override) ? {} : { override: { ...override } }),
    health: backend.condition.stats,
    noPort: backend.noPort,
  };
}
