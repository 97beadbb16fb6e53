import { version } from '../../../../version.js';
import { type Collector, ended } from '../metric.js';
import type { Snapshot } from '../snapshot.js';

const finite = (limit: number | undefined) => (Number.isFinite(limit) ? limit : undefined);

export const ofProcess: Collector<'process', Snapshot> = {
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
