/** The figures of a proxy at one moment. */

import type { Engine } from '../engine/engine.js';
import type { PoolBackend } from '../pool/pool.js';

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
  /** Bytes passed from clients to backends since the start. */
  readonly bytesUpstream: number;
  /** Bytes passed from backends to clients since the start. */
  readonly bytesDownstream: number;
}

/** Figures of one listener. */
export interface ListenerStats extends RowStats {
  /** Where it listens: `host:port` with the real port, `[v6]:port` or `unix:/path`. */
  readonly address: string;
}

/** Figures of one backend. */
export interface BackendStats extends RowStats {
  /** Its name: the address as it was given, normalised. */
  readonly address: string;
  /** As in the options, 1 to 1000. */
  readonly weight: number;
}

/** What `Proxy.stats()` returns: a copy, which nothing changes any more. Bytes and sessions count from the start. */
export interface ProxyStats {
  /** Which engine runs. */
  readonly engine: 'native' | 'stream';
  /** Over all listeners, and handoffs. */
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
  readonly backends: readonly BackendStats[];
}

/**
 * Reads the engine's counters, which cost its loops nothing.
 *
 * @param listeners their addresses; the row after the last one is that of the handoffs
 */
export function readStats(
  engine: Pick<Engine, 'name' | 'counters'>,
  listeners: readonly string[],
  backends: readonly PoolBackend[],
): ProxyStats {
  const { counters } = engine;
  const handoff = counters.listener(listeners.length);
  const rows = listeners.map((_, row) => counters.listener(row));
  const total = rows.reduce<RowStats>(add, handoff);
  return {
    engine: engine.name,
    sessions: {
      open: total.open,
      opened: total.opened,
      failed: total.failed,
      rejected: total.rejected,
    },
    unheard: counters.unheard(),
    bytes: { upstream: total.bytesUpstream, downstream: total.bytesDownstream },
    listeners: rows.map((row, index) => ({ address: listeners[index] as string, ...row })),
    handoff,
    backends: backends.map(({ row, name, weight }) => ({
      address: name,
      weight,
      ...counters.backend(row),
    })),
  };
}

function add(sum: RowStats, row: RowStats): RowStats {
  const names = Object.keys(row) as (keyof RowStats)[];
  const entries = names.map((name) => [name, sum[name] + row[name]]);
  return Object.fromEntries(entries) as unknown as RowStats;
}
