/** What the dashboard shows, and what it asks Prometheus for that. */
import { lines, stat, states } from './panels.js';

/** Of the balancers that are chosen at the top; of their pools; of the backends of these. */
export const ofBalancers = 'job="$job", instance=~"$instance"';
export const ofPools = `${ofBalancers}, pool=~"$pool"`;
const ofBackends = `${ofPools}, backend=~"$backend"`;

/** @param {string} selector */
const rate = (selector) => `rate(${selector}[$__rate_interval])`;

/** The worst is the largest: where several balancers see a backend differently, that is shown. */
const stateColors = [
  { value: 1, text: 'up', color: 'green' },
  { value: 2, text: 'removed', color: 'text' },
  { value: 3, text: 'drain', color: 'blue' },
  { value: 4, text: 'maintenance', color: 'purple' },
  { value: 5, text: 'checking', color: 'yellow' },
  { value: 6, text: 'ejected', color: 'orange' },
  { value: 7, text: 'down', color: 'red' },
];

const stateOfBackends = stateColors
  .map(({ value, text }) => `${value} * spliceway_backend_state{${ofBackends}, state="${text}"}`)
  .join('\n  + ignoring(state) ');

/** @param {string} histogram */
const percentiles = (histogram) => {
  const buckets = rate(`spliceway_pool_${histogram}_bucket{${ofPools}}`);
  const at = (/** @type {number} */ share) =>
    `histogram_quantile(${share}, sum by (pool, le) (${buckets}))`;
  return { '{{pool}} half': at(0.5), '{{pool}} 99 of 100': at(0.99) };
};

/** Panels by the row that they stand in. */
export const rows = {
  'As it is now': [
    stat(
      {
        title: 'Pools without a backend',
        description: 'Clients of these are turned away.',
        steps: [[1, 'red']],
      },
      { pools: `sum(1 - spliceway_pool_up{${ofPools}})` },
    ),
    stat(
      {
        title: 'Backends down',
        description: 'Down by their checks, or ejected since they failed clients.',
        steps: [[1, 'orange']],
      },
      { backends: `sum(spliceway_pool_backends{${ofPools}, state=~"down|ejected"})` },
    ),
    stat(
      { title: 'Backends up', description: 'They take sessions.' },
      { backends: `sum(spliceway_pool_backends{${ofPools}, state="up"})` },
    ),
    stat(
      { title: 'Sessions', description: 'Open now, over all listeners.', sparkline: true },
      { sessions: `sum(spliceway_sessions{${ofBalancers}})` },
    ),
    stat(
      {
        title: 'New sessions a second',
        description: 'Clients that were accepted.',
        sparkline: true,
      },
      { sessions: `sum(${rate(`spliceway_sessions_opened_total{${ofBalancers}}`)})` },
    ),
    stat(
      {
        title: 'Throughput',
        description: 'Bytes passed on a second, both ways.',
        unit: 'Bps',
        sparkline: true,
      },
      {
        bytes: `sum(${rate(`spliceway_received_bytes_total{${ofBalancers}}`)})\n  + sum(${rate(`spliceway_sent_bytes_total{${ofBalancers}}`)})`,
      },
    ),
    stat(
      {
        title: 'Up for',
        description: 'The youngest of the balancers: a restart cuts sessions off.',
        unit: 's',
      },
      { age: `min(time() - process_start_time_seconds{${ofBalancers}})` },
    ),
    stat(
      { title: 'Version', description: 'What runs, and with which engine.', name: true },
      {
        '{{version}} {{engine}}': `count by (version, engine) (spliceway_build_info{${ofBalancers}})`,
      },
    ),
  ],

  Traffic: [
    lines(
      {
        title: 'Bytes from clients',
        description: 'What clients sent, by listener.',
        unit: 'Bps',
      },
      {
        '{{listener}}': `sum by (listener) (${rate(`spliceway_listener_received_bytes_total{${ofBalancers}}`)})`,
      },
    ),
    lines(
      { title: 'Bytes to clients', description: 'What clients were sent.', unit: 'Bps' },
      {
        '{{listener}}': `sum by (listener) (${rate(`spliceway_listener_sent_bytes_total{${ofBalancers}}`)})`,
      },
    ),
    lines(
      { title: 'New sessions', description: 'Clients a second, by listener.', unit: 'cps' },
      {
        '{{listener}}': `sum by (listener) (${rate(`spliceway_listener_sessions_opened_total{${ofBalancers}}`)})`,
      },
    ),
  ],

  Sessions: [
    lines(
      {
        title: 'Open sessions',
        description: 'By pool. A plateau is a limit, of the pool or of what is behind it.',
        width: 6,
      },
      { '{{pool}}': `sum by (pool) (spliceway_backend_sessions{${ofPools}})` },
    ),
    lines(
      {
        title: 'Waiting clients',
        description: 'In the queue of their pool, as its backends are full.',
        width: 6,
      },
      { '{{pool}}': `sum by (pool) (spliceway_pool_queued_sessions{${ofPools}})` },
    ),
    lines(
      {
        title: 'How sessions end',
        description: 'By reason. "finished" is the good end; what grows beside it wants a look.',
        unit: 'cps',
        width: 6,
        stacked: true,
      },
      {
        '{{reason}}': `sum by (reason) (${rate(`spliceway_sessions_ended_total{${ofBalancers}}`)})`,
      },
    ),
    lines(
      {
        title: 'Clients turned away',
        description: 'A second: no backend was found, they were refused, or they waited in vain.',
        unit: 'cps',
        width: 6,
      },
      {
        'no backend': `sum(${rate(`spliceway_sessions_unserved_total{${ofBalancers}}`)})`,
        refused: `sum(${rate(`spliceway_rejected_total{${ofBalancers}}`)})`,
        'queue {{reason}}': `sum by (reason) (${rate(`spliceway_pool_queue_ended_total{${ofPools}, reason=~"timeout|full"}`)})`,
      },
    ),
  ],

  Times: [
    lines(
      {
        title: 'Time to connect',
        description: 'Until a backend answered. A second or three is a packet that was lost.',
        unit: 's',
        width: 6,
      },
      percentiles('connect_duration_seconds'),
    ),
    lines(
      {
        title: 'Time to the first byte',
        description: 'Of a backend, since its client had spoken. That is the server, not the net.',
        unit: 's',
        width: 6,
      },
      percentiles('first_byte_duration_seconds'),
    ),
    lines(
      {
        title: 'Time in the queue',
        description: 'Of clients that got a place.',
        unit: 's',
        width: 6,
      },
      percentiles('queue_duration_seconds'),
    ),
    lines(
      {
        title: 'Time of sessions',
        description: 'From accept to end, of those that have ended.',
        unit: 's',
        width: 6,
      },
      percentiles('session_duration_seconds'),
    ),
  ],

  Health: [
    states(
      {
        title: 'State of backends',
        description: 'As the balancers see them; where these differ, the worst.',
        width: 12,
      },
      stateColors,
      { '{{pool}}/{{backend}}': `max by (pool, backend) (\n  ${stateOfBackends}\n)` },
    ),
    lines(
      {
        title: 'Checks that failed',
        description: 'A second, by backend. Some are no harm until they are "fall" in a row.',
        unit: 'cps',
        width: 6,
      },
      {
        '{{pool}}/{{backend}}': `sum by (pool, backend) (${rate(`spliceway_backend_checks_total{${ofBackends}, result="failed"}`)})`,
      },
    ),
    lines(
      {
        title: 'Time of checks',
        description: 'How long the last check took. A server that slows down shows here first.',
        unit: 's',
        width: 6,
      },
      {
        '{{pool}}/{{backend}}': `max by (pool, backend) (spliceway_backend_check_duration_seconds{${ofBackends}})`,
      },
    ),
  ],

  Backends: [
    lines(
      { title: 'Open sessions', description: 'By backend.', width: 6 },
      {
        '{{pool}}/{{backend}}': `sum by (pool, backend) (spliceway_backend_sessions{${ofBackends}})`,
      },
    ),
    lines(
      {
        title: 'New sessions',
        description: 'A second, by backend: as the policy and the weights share them out.',
        unit: 'cps',
        width: 6,
      },
      {
        '{{pool}}/{{backend}}': `sum by (pool, backend) (${rate(`spliceway_backend_sessions_opened_total{${ofBackends}}`)})`,
      },
    ),
    lines(
      {
        title: 'Throughput',
        description: 'Bytes a second, both ways, by backend: who uses the bandwidth.',
        unit: 'Bps',
        width: 6,
      },
      {
        '{{pool}}/{{backend}}': `sum by (pool, backend) (\n  ${rate(`spliceway_backend_received_bytes_total{${ofBackends}}`)}\n  + ${rate(`spliceway_backend_sent_bytes_total{${ofBackends}}`)}\n)`,
      },
    ),
    lines(
      {
        title: 'Connections that failed',
        description: 'A second, by backend. Their clients went on to another one.',
        unit: 'cps',
        width: 6,
      },
      {
        '{{pool}}/{{backend}}': `sum by (pool, backend) (${rate(`spliceway_backend_connect_failures_total{${ofBackends}}`)})`,
      },
    ),
    lines(
      {
        title: 'Round trips',
        description:
          'To the backend and back, and to its clients: the median of a sample of live sessions.',
        unit: 's',
        width: 12,
      },
      {
        '{{pool}}/{{backend}} {{side}}': `max by (pool, backend, side) (spliceway_transport_round_trip_seconds{${ofBackends}})`,
      },
    ),
    lines(
      {
        title: 'Sent again',
        description:
          'Share of the segments of live sessions that got lost, or came late: look at the network in between.',
        unit: 'percentunit',
        width: 12,
        steps: [[0.05, 'orange']],
      },
      {
        '{{pool}}/{{backend}} {{side}}': `max by (pool, backend, side) (spliceway_transport_retransmitted_ratio{${ofBackends}})`,
      },
    ),
  ],

  'Process and loops': [
    lines(
      {
        title: 'Loops at work',
        description:
          'Share of its time that a loop works. Near 1 its sessions wait for each other.',
        unit: 'percentunit',
        width: 6,
        max: 1,
        steps: [[0.9, 'red']],
      },
      {
        '{{instance}} {{loop}}': rate(`spliceway_loop_busy_seconds_total{${ofBalancers}}`),
      },
    ),
    lines(
      {
        title: 'Turns of loops',
        description: 'How long one round of work takes: 99 of 100 are shorter.',
        unit: 's',
        width: 6,
      },
      {
        '{{instance}}': `histogram_quantile(0.99, sum by (instance, le) (${rate(`spliceway_loop_turn_duration_seconds_bucket{${ofBalancers}}`)}))`,
      },
    ),
    lines(
      {
        title: 'How bytes are moved',
        description: 'Within the kernel, or through memory, which is better for small answers.',
        unit: 'Bps',
        width: 6,
        stacked: true,
      },
      {
        spliced: `sum(${rate(`spliceway_loop_spliced_bytes_total{${ofBalancers}}`)})`,
        copied: `sum(${rate(`spliceway_loop_copied_bytes_total{${ofBalancers}}`)})`,
      },
    ),
    lines(
      {
        title: 'Limits in use',
        description: 'Share of the sessions and of the file descriptors that there may be.',
        unit: 'percentunit',
        width: 6,
        steps: [[0.8, 'orange']],
      },
      {
        '{{instance}} sessions': `spliceway_sessions{${ofBalancers}} / spliceway_sessions_limit{${ofBalancers}}`,
        '{{instance}} descriptors': `process_open_fds{${ofBalancers}} / process_max_fds{${ofBalancers}}`,
      },
    ),
    lines(
      {
        title: 'Processor',
        description: 'Cores in use, of all threads, in the kernel and outside.',
        width: 12,
      },
      { '{{instance}}': rate(`process_cpu_seconds_total{${ofBalancers}}`) },
    ),
    lines(
      { title: 'Memory', description: 'Resident memory of the process.', unit: 'bytes', width: 12 },
      { '{{instance}}': `process_resident_memory_bytes{${ofBalancers}}` },
    ),
  ],
};
