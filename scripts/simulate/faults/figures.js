/** What is counted beside the counters: ends, times, and how bytes were moved. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const figureFaults = [
  {
    name: 'end that is not counted',
    why: 'Sessions are ended for their silence, and nobody sees why they are gone.',
    edits: [
      edit(
        'session/session_end.cc',
        'if (listener_ == kNoRow) return;',
        'if (listener_ == kNoRow || reason == CloseReason::kIdleTimeout) return;',
      ),
    ],
  },
  {
    name: 'end counted for another reason',
    why: 'Resets are shown as sessions that have finished, and nobody looks for their cause.',
    edits: [
      edit(
        'session/session_end.cc',
        'const EndReason counted = ReasonOf(reason, ending);',
        'const EndReason counted =\n      ReasonOf(reason == CloseReason::kReset ? CloseReason::kFinished : reason, ending);',
      ),
    ],
  },
  {
    name: 'each answer measured as the first',
    why: 'A backend that takes a second to begin, and answers quickly then, looks quick.',
    edits: [
      edit(
        'session/session.cc',
        'since_ms_ = context_->loop.now_ms() & kLatestMs;  // Nothing is measured from here.',
        'if (downstream > 0) NoteFirstByte();\n    NoteNow();',
      ),
    ],
  },
  {
    name: 'sessions measured that never opened',
    why: 'Sessions look shorter the fewer backends answer.',
    edits: [
      edit(
        'session/session.cc',
        'HistogramRow* row = was_open ? histograms() : nullptr',
        'HistogramRow* row = histograms()',
      ),
    ],
  },
  {
    name: 'wait measured that was in vain',
    why: 'Who gives up is shown as served.',
    edits: [
      edit(
        'engine/worker_queue.cc',
        'if (why == PoolQueue::Why::kServed) {',
        'if (why != PoolQueue::Why::kElsewhere) {',
      ),
    ],
  },
  {
    name: 'spliced bytes counted as copied, too',
    why: 'Nobody sees that splicing works.',
    edits: [
      edit(
        'relay/relay.cc',
        'context.copied += progress.bytes - progress.spliced;',
        'context.copied += progress.bytes;',
      ),
    ],
  },
];
