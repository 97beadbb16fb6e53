import type { BackendStats } from '../../../../observe/stats.js';
import { backendWords, wordOf } from '../../state-word.js';
import { by, type Collector, oneOf } from '../metric.js';
import type { Snapshot } from '../snapshot.js';

export const ofBackends: Collector<'backends', BackendStats> = {
  name: 'backends',
  of: 'a backend',
  labels: ['pool', 'backend'],
  rowsOf: backendRows,
  labelsOf: ({ pool, name }) => ({ pool, backend: name }),
  metrics: [
    {
      name: 'spliceway_backend_state',
      type: 'gauge',
      help: 'What an operator asked of it, or else its health, and down where its name has no address: 1 for the state that it is in, 0 for each other one.',
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
export function backendRows({
  stats: { backends },
}: Pick<Snapshot, 'stats'>): readonly BackendStats[] {
  return backends.filter(({ isReplaced }) => isReplaced !== true);
}
