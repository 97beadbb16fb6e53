/** Who waits for a place at the backends of a pool, and for how long. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const queueFaults = [
  {
    name: 'place that nobody is told of',
    why: 'A session ends, and those who wait for its place go on waiting.',
    edits: [
      edit(
        'engine/worker_queue.cc',
        'if (HasTurnIn(session, pool) || !crew_',
        'if (!HasTurnIn(session, pool) || !crew_',
      ),
    ],
  },
  {
    name: 'newcomer before those who wait',
    why: 'Under load some clients wait for ever, while those who come later are served.',
    edits: [
      edit(
        'engine/worker_queue.cc',
        'row.has_waiting() && !HasTurnIn(session, pool);',
        'row.has_waiting() && HasTurnIn(session, pool);',
      ),
    ],
  },
  {
    name: 'turn lost with its client',
    why: 'The first who waits leaves in the moment in which there is a place, and nobody else is told.',
    edits: [
      edit(
        'engine/pool_queue.cc',
        'if (looking_.erase(ticket) > 0) {',
        'if (looking_.contains(ticket)) {',
      ),
    ],
  },
  {
    name: 'wait without an end',
    why: 'A client waits in the queue for as long as it likes, whatever the time-out.',
    edits: [
      edit(
        'session/session_queue.cc',
        'if (timeout_ms > 0) {',
        'if (timeout_ms > 0 && looks_in_ms > 0) {',
      ),
    ],
  },
  {
    name: 'place in the queue kept by who has left',
    why: 'The queue fills up with clients that are gone, and clients that wait are behind them.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'if (session.route.in_queue) {\n    LeaveQueue(',
        'if (session.route.has_turn) {\n    LeaveQueue(',
      ),
    ],
  },
  {
    name: 'queue that is never full',
    why: 'Clients wait by the thousand for a pool that could never serve them in time.',
    edits: [
      edit(
        'engine/pool_queue.cc',
        'if (waiting_.size() + looking_.size() >= most) {',
        'if (most == 0) {',
      ),
    ],
  },
  {
    name: 'change that those who wait do not hear of',
    why: 'More sessions are allowed at a pool, and its clients wait until one of the old ones ends.',
    edits: [
      edit(
        'engine/crew.cc',
        'row.LimitQueue(queue_length, queue_timeout_ms);\n  TellAllOfQueue(pool);',
        'row.LimitQueue(queue_length, queue_timeout_ms);',
      ),
    ],
  },
];
