import type { HistogramStats, PoolStats } from '../../../../observe/stats.js';
import { backendWords, wordOf } from '../../state-word.js';
import { histogramLimits } from '../limits.js';
import { by, type Collector, inBuckets, type Metric } from '../metric.js';
import type { Snapshot } from '../snapshot.js';
import { backendRows } from './backends.js';

export interface PoolRow extends PoolStats {
  readonly isUp: boolean;
  /** How many backends are in each state. */
  readonly backends: Readonly<Record<string, number>>;
}

export const ofPools: Collector<'pools', PoolRow> = {
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
