import type { ListenerStats } from '../../../../observe/stats.js';
import { type Collector, ended } from '../metric.js';

type ListenerRow = ListenerStats & { readonly isUp: boolean };

export const ofListeners: Collector<'listeners', ListenerRow> = {
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
