import type { ConnectionStats, TransportStats } from '../../../../observe/transport.js';
import type { Collector } from '../metric.js';

type TransportRow = ConnectionStats &
  Pick<TransportStats, 'backend' | 'sessions'> & { readonly pool: string; readonly side: string };

export const ofTransport: Collector<'transport', TransportRow> = {
  name: 'transport',
  of: 'the connections of a backend, in a sample of live sessions (native engine)',
  labels: ['pool', 'backend', 'side'],
  *rowsOf({ transport }) {
    for (const { pool, backend, sessions, toClients, toBackend } of transport) {
      if (pool === undefined) continue;
      if (toClients) yield { ...toClients, pool, backend, sessions, side: 'client' };
      if (toBackend) yield { ...toBackend, pool, backend, sessions, side: 'backend' };
    }
  },
  labelsOf: ({ pool, backend, side }) => ({ pool, backend, side }),
  metrics: [
    {
      name: 'spliceway_transport_sampled_sessions',
      type: 'gauge',
      help: 'Sessions in the sample, which is of 64 of each loop at most; absent where it has none.',
      read: ({ sessions }) => sessions,
    },
    {
      name: 'spliceway_transport_round_trip_seconds',
      type: 'gauge',
      help: 'Seconds to the other side and back, as the kernel has measured it: the median of the sample.',
      read: ({ roundTrip }) => roundTrip,
    },
    {
      name: 'spliceway_transport_longest_round_trip_seconds',
      type: 'gauge',
      help: 'The longest round trip of the sample, in seconds.',
      read: ({ longestRoundTrip }) => longestRoundTrip,
    },
    {
      name: 'spliceway_transport_retransmitted_ratio',
      type: 'gauge',
      help: 'Of the segments with data that were sent there, the share that was sent again, over the sample: from 0 to 1.',
      read: ({ retransmitted }) => retransmitted,
    },
  ],
};
