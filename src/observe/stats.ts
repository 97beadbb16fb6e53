/** The figures of a proxy at one moment. */

import { addEnds, endsIn } from '../engine/ends.js';
import type { Engine } from '../engine/engine.js';
import { Measured, type MeasuredName, type PoolHistograms } from '../engine/histogram.js';
import { type LoopFigures, TURNS_FROM } from '../engine/loops.js';
import type { EngineTables } from '../engine/tables.js';
import type { AdminState } from '../model/admin-state.js';
import { type BackendOverride, isOverridden } from '../model/overlay.js';
import type { SessionEnd } from '../model/session-end.js';
import type { Backend } from '../pool/backend.js';
import type { HealthStats } from '../pool/health/backend-health.js';
import type { Pool } from '../pool/pool.js';
import { type Histogram, histogramOf } from './histogram.js';
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

/** How many sessions have ended in one way. */
export interface EndStats extends SessionEnd {
  /** Never 0: ways in which none has ended are left out. */
  readonly count: number;
}

/** Figures of clients who came in one way. */
export interface EntryStats extends RowStats {
  /** How their sessions have ended: all together, as many as `opened` less `open`. */
  readonly ends: readonly EndStats[];
}

/** Figures of one address of a listener. */
export interface ListenerStats extends EntryStats {
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
  /** Whether another one in its pool has had its name since it was removed; absent where none has. */
  readonly isReplaced?: true;
  /** Whether its name has led to no address yet, so that it takes no sessions whatever its health; absent where it has one. */
  readonly isUnresolved?: true;
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

/** How long things take in a pool, and how large sessions are: since the pool is there. */
export interface HistogramStats {
  /** Seconds that a backend took to answer a connection: the address that answered. One for each session that opened. */
  readonly connect: Histogram;
  /**
   * Seconds until the backend's first byte: since the client had spoken last, or else since the backend had answered. None of
   * sessions in which the backend has said nothing.
   */
  readonly firstByte: Histogram;
  /** Seconds in the queue of the pool, of clients who then got a place: `queue.served` of them. */
  readonly queue: Histogram;
  /** Seconds that sessions have lived, from accept to end: those that had opened, and have ended. */
  readonly duration: Histogram;
  /** Bytes that the same sessions have passed on, both ways. */
  readonly bytes: Histogram;
}

/** Figures of one pool. */
export interface PoolStats {
  /** Its name: `default` in the short form. */
  readonly name: string;
  /** As in the options; `undefined` is any number. */
  readonly maxPoolSessions: number | undefined;
  /** Of its queue, since the pool is there. */
  readonly queue: QueueStats;
  /** Of sessions that had one of its backends. The native engine reads the clock once in each turn of a loop. */
  readonly histograms: HistogramStats;
}

/** What one loop of the native engine tells of itself. */
export interface LoopStats {
  /** Seconds that it has worked so far, and not waited: what that grows by in a second is how busy the loop is, from 0 to 1. */
  readonly busy: number;
  /** How often it had nothing to do, and waited until something happened. */
  readonly wakeUps: number;
  /**
   * Seconds that its turns take: who has something to do meanwhile waits for so long. A turn of more than a
   * second counts as nothing: a process that stood still looks the same.
   */
  readonly turns: Histogram;
  /** The longest of them. */
  readonly longestTurn: number;
  /** Bytes that its sessions have passed on through memory, both ways. */
  readonly bytesCopied: number;
  /** The same within the kernel, by `splice`. */
  readonly bytesSpliced: number;
}

/** Pipes for splicing, over all loops. Where there is none for a session, it copies. */
export interface PipeStats {
  /** How many there are: lent to a session, or idle for a moment. */
  readonly open: number;
  /** Bytes that they can hold. */
  readonly bytes: number;
  /** How many there may be. */
  readonly most: number;
  /** Bytes that they may hold together. */
  readonly mostBytes: number;
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
  readonly handoff: EntryStats;
  /** How sessions have ended, over all listeners, those included that were removed since, and handoffs. */
  readonly ends: readonly EndStats[];
  /** In the order of the options. */
  readonly pools: readonly PoolStats[];
  /** In the order of the options; last those that were removed and have sessions left. */
  readonly backends: readonly BackendStats[];
  /** Of the native engine, one for each of its `threads`; the stream engine has none. */
  readonly loops: readonly LoopStats[];
  /** Of the native engine; all 0 with the stream engine, and after `close()`. */
  readonly pipes: PipeStats;
}

/** Of a second. */
const MICROSECONDS = 1e6;

/** What there are figures of. */
export interface Counted {
  readonly engine: Pick<Engine, 'name' | 'counters' | 'loops' | 'pipes'> & {
    readonly tables: Pick<EngineTables, 'queued' | 'queueFigures' | 'histograms'>;
  };
  readonly generation: number;
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
export function openSessions({ engine, listeners, leaving, handoff }: Counted): number {
  const rows = [handoff, ...Array.from(listeners, ({ row }) => row), ...leaving];
  return rows.reduce((sum, row) => sum + engine.counters.listener(row).open, 0);
}

/** Reads the engine's counters, which cost its loops nothing. */
export function readStats(counted: Counted): ProxyStats {
  const { engine, generation, ledger } = counted;
  const { counters, tables } = engine;
  let allEnds = ledger.ends;
  const endsOf = (row: number) => {
    const ends = counters.ends(row);
    allEnds = addEnds(allEnds, ends);
    return endsIn(ends);
  };
  const handoff = { ...counters.listener(counted.handoff), ends: endsOf(counted.handoff) };
  const listeners = Array.from(counted.listeners, ({ row, ...shown }) => ({
    row,
    shown: { ...shown, ...counters.listener(row), ends: endsOf(row) },
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
  for (const row of leaving) endsOf(row);
  return {
    engine: engine.name,
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
    ends: endsIn(allEnds),
    pools: Array.from(counted.pools, ({ name, number, settings }) => ({
      name,
      maxPoolSessions: settings.limits.maxSessions || undefined,
      queue: { length: tables.queued(number), ...tables.queueFigures(number) },
      histograms: histogramsOf(tables.histograms(number)),
    })),
    backends: Array.from(counted.backends, (backend) =>
      figuresOf(backend, counters.backend(backend.row)),
    ),
    loops: engine.loops().map(loopOf),
    pipes: { ...engine.pipes() },
  };
}

function loopOf({ turns, longestTurnUs, ...counters }: LoopFigures): LoopStats {
  const histogram = histogramOf(turns, TURNS_FROM, MICROSECONDS);
  const longestTurn = longestTurnUs / MICROSECONDS;
  return { ...counters, busy: histogram.sum, turns: histogram, longestTurn };
}

function histogramsOf(figures: PoolHistograms): HistogramStats {
  const seconds = (name: Exclude<MeasuredName, 'bytes'>) =>
    histogramOf(figures[name], Measured[name], MICROSECONDS);
  return {
    connect: seconds('connect'),
    firstByte: seconds('firstByte'),
    queue: seconds('queue'),
    duration: seconds('duration'),
    bytes: histogramOf(figures.bytes, Measured.bytes, 1),
  };
}

/** Field by field: there may be ten thousand, and to spread two objects of so many fields takes twenty times as long. */
function figuresOf(backend: Backend, row: RowStats): BackendStats {
  const { pool, name, address, weight, maxSessions, state, isGone, config, override } = backend;
  const figures: BackendStats = {
    open: row.open,
    opened: row.opened,
    failed: row.failed,
    rejected: row.rejected,
    rebalanced: row.rebalanced,
    bytesUpstream: row.bytesUpstream,
    bytesDownstream: row.bytesDownstream,
    pool,
    name,
    address,
    weight,
    maxSessions: maxSessions || undefined,
    state: isGone ? 'removed' : state,
    configured: { weight: config.weight, maxSessions: config.maxSessions },
    health: backend.condition.stats,
    noPort: backend.noPort,
  };
  // What was set of one that is removed went with it.
  if (isGone) return backend.isReplaced ? { ...figures, isReplaced: true } : figures;
  const isUnresolved = backend.addresses.length === 0;
  if (!isUnresolved && !isOverridden(override)) return figures;
  return {
    ...figures,
    ...(isUnresolved ? { isUnresolved } : {}),
    ...(isOverridden(override) ? { override: { ...override } } : {}),
  };
}
