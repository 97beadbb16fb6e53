import type { LoopStats } from '../../../../observe/stats.js';
import { histogramLimits } from '../limits.js';
import { type Collector, inBuckets } from '../metric.js';

type LoopRow = LoopStats & { readonly number: number };

export const ofLoops: Collector<'loops', LoopRow> = {
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
