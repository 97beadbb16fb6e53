/**
 * Every metric, once. Names are those of the field: one prefix, base units, `_total` for what counts up, and sums over labels that
 * make sense (prometheus.io/docs/practices/naming). No label has values that clients choose.
 */
import type {
  BackendStats,
  EndStats,
  HistogramStats,
  ListenerStats,
  LoopStats,
  PoolStats,
} from '../../../observe/stats.js';
import { version } from '../../../version.js';
import { backendWords, wordOf } from '../state-word.js';
import { by, type Collector, inBuckets, type Metric, oneOf, type Sample } from './metric.js';
import type { Snapshot } from './snapshot.js';

/** From half a millisecond to ten seconds, as is the custom of Prometheus. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Of sessions, which may be those of a day. */
const LONG_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60, 300, 1800, 6000, 20_000, 80_000];
const BYTES = [100, 1000, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10];
/** Of turns, which are to be short. */
const SHORT_SECONDS = [1e-5, 5e-5, 0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 1];

/** What histograms are given as, by metric: a test sees to it that each is an edge. */
export const histogramLimits = {
  connect: SECONDS,
  firstByte: SECONDS,
  queue: SECONDS,
  duration: LONG_SECONDS,
  bytes: BYTES,
  turns: SHORT_SECONDS,
} as const;

const ended = (ends: readonly EndStats[]): Sample[] =>
  ends.map(({ reason, side, phase, count }) => ({ labels: { reason, side, phase }, value: count }));

const finite = (limit: number | undefined) => (Number.isFinite(limit) ? limit : undefined);

const ofProcess: Collector<'process', Snapshot> = {
  name: 'process',
  of: 'the process',
  labels: [],
  rowsOf: (snapshot) => [snapshot],
  labelsOf: () => ({}),
  metrics: [
    {
      name: 'spliceway_build_info',
      type: 'gauge',
      help: 'Always 1; its labels say which version runs, and with which engine.',
      labels: ['version', 'engine'],
      read: ({ stats: { engine } }) => [{ labels: { version, engine }, value: 1 }],
    },
    {
      name: 'spliceway_config_generation',
      type: 'gauge',
      help: 'Counts up with each change of the configuration that took effect, from 1 on.',
      read: ({ stats }) => stats.generation,
    },
    {
      name: 'spliceway_config_last_reload_successful',
      type: 'gauge',
      help: 'Whether the file that was read last is in effect: 1 or 0; absent where there is no file.',
      read: ({ lastReload }) => lastReload && Number(lastReload.succeeded),
    },
    {
      name: 'spliceway_config_last_reload_success_timestamp_seconds',
      type: 'gauge',
      help: 'When the file was read that is in effect, in seconds since 1970; absent where there is no file.',
      read: ({ lastReload }) => lastReload && lastReload.succeededAt / 1000,
    },
    {
      name: 'spliceway_stopping',
      type: 'gauge',
      help: 'Whether the balancer takes no more clients, since it stops: 1 or 0.',
      read: ({ readiness }) => Number(readiness.isClosing),
    },
    {
      name: 'spliceway_sessions',
      type: 'gauge',
      help: 'Sessions that are open, over all listeners and handoffs.',
      read: ({ stats }) => stats.sessions.open,
    },
    {
      name: 'spliceway_sessions_opened_total',
      type: 'counter',
      help: 'Sessions that began, over all listeners and handoffs, also those of listeners that are gone.',
      read: ({ stats }) => stats.sessions.opened,
    },
    {
      name: 'spliceway_sessions_limit',
      type: 'gauge',
      help: 'Sessions that may be open at once; absent where nothing limits them.',
      read: ({ sessionLimit }) => finite(sessionLimit),
    },
    {
      name: 'spliceway_sessions_ended_total',
      type: 'counter',
      help: 'Sessions that have ended: why, by whom, and how far they had come; absent for ways in which none has.',
      labels: ['reason', 'side', 'phase'],
      read: ({ stats }) => ended(stats.ends),
    },
    {
      name: 'spliceway_sessions_unserved_total',
      type: 'counter',
      help: 'Sessions that found no backend.',
      read: ({ stats }) => stats.sessions.failed,
    },
    {
      name: 'spliceway_sessions_unheard_total',
      type: 'counter',
      help: 'Sessions that went on before a program that listens for them had heard of them.',
      read: ({ stats }) => stats.unheard,
    },
    {
      name: 'spliceway_rejected_total',
      type: 'counter',
      help: 'Clients that were refused: by the filter, for having as many sessions as one may, or for being this balancer itself.',
      read: ({ stats }) => stats.sessions.rejected,
    },
    {
      name: 'spliceway_received_bytes_total',
      type: 'counter',
      help: 'Bytes passed from clients to backends.',
      read: ({ stats }) => stats.bytes.upstream,
    },
    {
      name: 'spliceway_sent_bytes_total',
      type: 'counter',
      help: 'Bytes passed from backends to clients.',
      read: ({ stats }) => stats.bytes.downstream,
    },
    {
      name: 'spliceway_handoff_sessions',
      type: 'gauge',
      help: 'Sessions that are open and that a program handed over.',
      read: ({ stats }) => stats.handoff.open,
    },
    {
      name: 'spliceway_handoff_sessions_opened_total',
      type: 'counter',
      help: 'Sessions that a program handed over.',
      read: ({ stats }) => stats.handoff.opened,
    },
    {
      name: 'spliceway_pipes',
      type: 'gauge',
      help: 'Pipes for splicing that are open, lent to a session or idle.',
      read: ({ stats }) => stats.pipes.open,
    },
    {
      name: 'spliceway_pipes_limit',
      type: 'gauge',
      help: 'Pipes that may be open; where there is none for a session, it copies.',
      read: ({ stats }) => stats.pipes.most,
    },
    {
      name: 'spliceway_pipe_bytes',
      type: 'gauge',
      help: 'Bytes that the open pipes can hold.',
      read: ({ stats }) => stats.pipes.bytes,
    },
    {
      name: 'spliceway_pipe_bytes_limit',
      type: 'gauge',
      help: 'Bytes that pipes may hold together.',
      read: ({ stats }) => stats.pipes.mostBytes,
    },
    {
      name: 'process_cpu_seconds_total',
      type: 'counter',
      help: 'Processor time of all threads, in the kernel and outside, in seconds.',
      read: ({ process }) => process.cpuSeconds,
    },
    {
      name: 'process_resident_memory_bytes',
      type: 'gauge',
      help: 'Resident memory, in bytes.',
      read: ({ process }) => process.residentBytes,
    },
    {
      name: 'process_start_time_seconds',
      type: 'gauge',
      help: 'When the process was started, in seconds since 1970.',
      read: ({ process }) => process.startSeconds,
    },
    {
      name: 'process_open_fds',
      type: 'gauge',
      help: 'File descriptors that are open.',
      read: ({ process }) => process.openFiles,
    },
    {
      name: 'process_max_fds',
      type: 'gauge',
      help: 'File descriptors that may be open; absent where nothing limits them.',
      read: ({ process }) => finite(process.maxFiles),
    },
  ],
};

type ListenerRow = ListenerStats & { readonly isUp: boolean };

const ofListeners: Collector<'listeners', ListenerRow> = {
  name: 'listeners',
  of: 'an address of a listener',
  // By address, so that no sum goes back when a listener loses one.
  labels: ['listener', 'address'],
  rowsOf: ({ stats, paused, readiness: { isClosing } }) =>
    stats.listeners.map((row) => ({ ...row, isUp: !isClosing && !paused.has(row.name) })),
  labelsOf: ({ name, address }) => ({ listener: name, address }),
  metrics: [
    {
      name: 'spliceway_listener_up',
      type: 'gauge',
      help: 'Whether it takes clients: 0 while an operator holds them back, and once the balancer stops.',
      read: ({ isUp }) => Number(isUp),
    },
    {
      name: 'spliceway_listener_sessions',
      type: 'gauge',
      help: 'Sessions that are open.',
      read: ({ open }) => open,
    },
    {
      name: 'spliceway_listener_sessions_opened_total',
      type: 'counter',
      help: 'Sessions that began.',
      read: ({ opened }) => opened,
    },
    {
      name: 'spliceway_listener_sessions_ended_total',
      type: 'counter',
      help: 'Sessions that have ended: why, by whom, and how far they had come; absent for ways in which none has.',
      labels: ['reason', 'side', 'phase'],
      read: ({ ends }) => ended(ends),
    },
    {
      name: 'spliceway_listener_sessions_unserved_total',
      type: 'counter',
      help: 'Sessions that found no backend.',
      read: ({ failed }) => failed,
    },
    {
      name: 'spliceway_listener_rejected_total',
      type: 'counter',
      help: 'Clients that were refused: by the filter, for having as many sessions as one may, or for being this balancer itself.',
      read: ({ rejected }) => rejected,
    },
    {
      name: 'spliceway_listener_rebalanced_total',
      type: 'counter',
      help: 'Sessions that were ended so that their clients come back to a backend that has fewer.',
      read: ({ rebalanced }) => rebalanced,
    },
    {
      name: 'spliceway_listener_received_bytes_total',
      type: 'counter',
      help: 'Bytes passed from clients to backends.',
      read: ({ bytesUpstream }) => bytesUpstream,
    },
    {
      name: 'spliceway_listener_sent_bytes_total',
      type: 'counter',
      help: 'Bytes passed from backends to clients.',
      read: ({ bytesDownstream }) => bytesDownstream,
    },
  ],
};

interface PoolRow extends PoolStats {
  readonly isUp: boolean;
  /** How many backends are in each state. */
  readonly backends: Readonly<Record<string, number>>;
}

const ofPools: Collector<'pools', PoolRow> = {
  name: 'pools',
  of: 'a pool',
  labels: ['pool'],
  rowsOf: poolRows,
  labelsOf: ({ name }) => ({ pool: name }),
  metrics: [
    {
      name: 'spliceway_pool_up',
      type: 'gauge',
      help: 'Whether a backend of it can be picked: 1 or 0.',
      read: ({ isUp }) => Number(isUp),
    },
    {
      name: 'spliceway_pool_backends',
      type: 'gauge',
      help: 'Backends in each state.',
      labels: ['state'],
      read: ({ backends }) => by('state', backends),
    },
    {
      name: 'spliceway_pool_sessions_limit',
      type: 'gauge',
      help: 'Sessions that its backends may have at once, together; absent for any number.',
      read: ({ maxPoolSessions }) => maxPoolSessions,
    },
    {
      name: 'spliceway_pool_queued_sessions',
      type: 'gauge',
      help: 'Clients that wait for a place at a backend.',
      read: ({ queue }) => queue.length,
    },
    {
      name: 'spliceway_pool_queue_ended_total',
      type: 'counter',
      help: 'Clients that waited for a place, or were to: they were served, have waited too long, found too many before them, or left.',
      labels: ['reason'],
      read: ({ queue: { served, timedOut, refused, left } }) =>
        by('reason', { served, timeout: timedOut, full: refused, left }),
    },
    histogram(
      'connect',
      'spliceway_pool_connect_duration_seconds',
      'Seconds that a backend took to answer a connection, of sessions that opened.',
    ),
    histogram(
      'firstByte',
      'spliceway_pool_first_byte_duration_seconds',
      'Seconds until the first byte of a backend: since the client had spoken last, or else since the session opened.',
    ),
    histogram(
      'queue',
      'spliceway_pool_queue_duration_seconds',
      'Seconds in the queue, of clients who got a place.',
    ),
    histogram(
      'duration',
      'spliceway_pool_session_duration_seconds',
      'Seconds that sessions have lived, which had opened and have ended.',
    ),
    histogram(
      'bytes',
      'spliceway_pool_session_bytes',
      'Bytes that such sessions have passed on, both ways.',
    ),
  ],
};

function histogram(measured: keyof HistogramStats, name: string, help: string): Metric<PoolRow> {
  const limits = histogramLimits[measured];
  const read = ({ histograms }: PoolRow) => inBuckets(histograms[measured], limits);
  return { name, type: 'histogram', help, labels: ['le'], read };
}

function* poolRows({ stats, readiness }: Snapshot): Generator<PoolRow> {
  const isUp = new Map(readiness.pools.map(({ pool, ready }) => [pool, ready]));
  const counts = new Map(
    stats.pools.map(({ name }) => [name, Object.fromEntries(backendWords.map((key) => [key, 0]))]),
  );
  for (const backend of backendRows({ stats })) {
    const count = counts.get(backend.pool);
    const state = wordOf(backend);
    if (count !== undefined) count[state] = (count[state] ?? 0) + 1;
  }
  for (const pool of stats.pools) {
    const backends = counts.get(pool.name) ?? {};
    yield { ...pool, isUp: isUp.get(pool.name) ?? false, backends };
  }
}

const ofBackends: Collector<'backends', BackendStats> = {
  name: 'backends',
  of: 'a backend',
  labels: ['pool', 'backend'],
  rowsOf: backendRows,
  labelsOf: ({ pool, name }) => ({ pool, backend: name }),
  metrics: [
    {
      name: 'spliceway_backend_state',
      type: 'gauge',
      help: 'What an operator asked of it, or else its health: 1 for the state that it is in, 0 for each other one.',
      labels: ['state'],
      read: (row) => oneOf(backendWords, wordOf(row)),
    },
    {
      name: 'spliceway_backend_weight',
      type: 'gauge',
      help: 'Its share of new sessions, beside those of the others.',
      read: ({ weight }) => weight,
    },
    {
      name: 'spliceway_backend_sessions',
      type: 'gauge',
      help: 'Sessions that are open.',
      read: ({ open }) => open,
    },
    {
      name: 'spliceway_backend_sessions_opened_total',
      type: 'counter',
      help: 'Sessions that it was connected to.',
      read: ({ opened }) => opened,
    },
    {
      name: 'spliceway_backend_sessions_limit',
      type: 'gauge',
      help: 'Sessions that it may have at once; absent for any number.',
      read: ({ maxSessions }) => maxSessions,
    },
    {
      name: 'spliceway_backend_limited_total',
      type: 'counter',
      help: 'How often a session passed it over, as it had as many as it may.',
      read: ({ rejected }) => rejected,
    },
    {
      name: 'spliceway_backend_connect_failures_total',
      type: 'counter',
      help: 'Sessions that could not reach it at any of its addresses.',
      read: ({ failed }) => failed,
    },
    {
      name: 'spliceway_backend_no_port_total',
      type: 'counter',
      help: 'How often no local port was left to connect to it from.',
      read: ({ noPort }) => noPort,
    },
    {
      name: 'spliceway_backend_rebalanced_total',
      type: 'counter',
      help: 'Sessions that were ended so that their clients come back to a backend that has fewer.',
      read: ({ rebalanced }) => rebalanced,
    },
    {
      name: 'spliceway_backend_received_bytes_total',
      type: 'counter',
      help: 'Bytes received from it, and passed to clients.',
      read: ({ bytesDownstream }) => bytesDownstream,
    },
    {
      name: 'spliceway_backend_sent_bytes_total',
      type: 'counter',
      help: 'Bytes sent to it, which came from clients.',
      read: ({ bytesUpstream }) => bytesUpstream,
    },
    {
      name: 'spliceway_backend_health_changed_timestamp_seconds',
      type: 'gauge',
      help: 'When its health became what it is, in seconds since 1970.',
      read: ({ health }) => health.since / 1000,
    },
    {
      name: 'spliceway_backend_ejections_total',
      type: 'counter',
      help: 'How often it was ejected, since it failed clients.',
      read: ({ health }) => health.ejections,
    },
    {
      name: 'spliceway_backend_transitions_total',
      type: 'counter',
      help: 'How often its health became another.',
      read: ({ health }) => health.transitions,
    },
    {
      name: 'spliceway_backend_down_seconds_total',
      type: 'counter',
      help: 'For how long its health has let no sessions come, in seconds.',
      read: ({ health }) => health.downMs / 1000,
    },
    {
      name: 'spliceway_backend_checks_total',
      type: 'counter',
      help: 'Checks of it by their result: passed or failed.',
      labels: ['result'],
      read: ({ health }) => by('result', health.checks),
    },
    {
      name: 'spliceway_backend_check_passed',
      type: 'gauge',
      help: 'Whether the last check of it has passed; absent before the first one.',
      read: ({ health: { lastCheck } }) => lastCheck && Number(lastCheck.passed),
    },
    {
      name: 'spliceway_backend_check_duration_seconds',
      type: 'gauge',
      help: 'How long the last check of it took, in seconds; absent before the first one.',
      read: ({ health: { lastCheck } }) => lastCheck && lastCheck.durationMs / 1000,
    },
  ],
};

/**
 * Of those that have had one name, the last one. Two series cannot have the same labels, and where one before showed again when the
 * last one is gone, its old figures would count as new.
 */
function backendRows({ stats: { backends } }: Pick<Snapshot, 'stats'>): readonly BackendStats[] {
  return backends.filter(({ isReplaced }) => isReplaced !== true);
}

type LoopRow = LoopStats & { readonly number: number };

const ofLoops: Collector<'loops', LoopRow> = {
  name: 'loops',
  of: 'a loop of the native engine',
  labels: ['loop'],
  rowsOf: ({ stats }) => stats.loops.map((loop, number) => ({ ...loop, number })),
  labelsOf: ({ number }) => ({ loop: String(number) }),
  metrics: [
    {
      name: 'spliceway_loop_busy_seconds_total',
      type: 'counter',
      help: 'Seconds that it has worked, and not waited.',
      read: ({ busy }) => busy,
    },
    {
      name: 'spliceway_loop_wakeups_total',
      type: 'counter',
      help: 'How often it had nothing to do, and waited until something happened.',
      read: ({ wakeUps }) => wakeUps,
    },
    {
      name: 'spliceway_loop_turn_duration_seconds',
      type: 'histogram',
      help: 'Seconds that its turns take: who has something to do meanwhile waits for so long.',
      labels: ['le'],
      read: ({ turns }) => inBuckets(turns, histogramLimits.turns),
    },
    {
      name: 'spliceway_loop_longest_turn_seconds',
      type: 'gauge',
      help: 'The longest of its turns since the start, in seconds.',
      read: ({ longestTurn }) => longestTurn,
    },
    {
      name: 'spliceway_loop_copied_bytes_total',
      type: 'counter',
      help: 'Bytes that its sessions have passed on through memory, both ways.',
      read: ({ bytesCopied }) => bytesCopied,
    },
    {
      name: 'spliceway_loop_spliced_bytes_total',
      type: 'counter',
      help: 'Bytes that its sessions have passed on within the kernel, both ways.',
      read: ({ bytesSpliced }) => bytesSpliced,
    },
  ],
};

const collectors = [ofProcess, ofListeners, ofPools, ofBackends, ofLoops] as const;

export type CollectorName = (typeof collectors)[number]['name'];

export const collectorNames: readonly CollectorName[] = collectors.map(({ name }) => name);

/** In the order in which they are written. */
export const metricTable: readonly Collector<CollectorName>[] = collectors;
