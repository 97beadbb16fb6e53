/** Listeners, pools and backends that change while sessions live, and rows that get another owner. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const changeFaults = [
  {
    name: "pick from another listener's pool",
    why: 'Clients of one service get to the backends of another.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        'void Worker::PickFirst(Session& session, const SocketAddress* client) {\n  const Tables::Pool& pool = tables_.latest().PoolOf(session.listener());',
        'void Worker::PickFirst(Session& session, const SocketAddress* client) {\n  const Tables::Pool& pool = tables_.latest().PoolOf(0);',
      ),
    ],
  },
  {
    name: 'held change published by halves',
    why: 'A client meets a pool that has its new backends, and not their addresses yet.',
    edits: [
      edit('select/backend_table.cc', 'published_ = std::move(next_);', 'published_ = next_;'),
    ],
  },
  {
    name: 'state not looked at in a pick',
    why: 'A backend that was taken out of service gets clients on and on.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        'if (entry != BackendRow::Entry::kCounted) {',
        'if (entry == BackendRow::Entry::kFull) {',
      ),
    ],
  },
  {
    name: 'client that waits at a drained backend kept',
    why: 'It gets in when there is room, long after the backend was to get nobody.',
    edits: [
      edit(
        'session/session_connect.cc',
        '  if (postponed_ != Postponed::kNo && context_->owner.TurnsBack(*this)) return;\n',
        '',
      ),
    ],
  },
  {
    name: 'row vacant while its sweep runs',
    why: 'Sessions of the next backend in the row are cut off, which were meant for the one that went.',
    edits: [edit('engine/crew.cc', 'return !IsSwept(row);', 'return true;')],
  },
  {
    name: 'counters of a backend kept for the next',
    why: 'A backend that was just added seems to have failed before.',
    edits: [edit('engine/crew.cc', 'Reset(counters->Backend(writer, row));', '')],
  },
  {
    name: 'pause forgotten on one loop',
    why: 'A listener that was paused goes on to take every second client.',
    edits: [
      edit(
        'engine/crew.cc',
        'for (const std::unique_ptr<Worker>& worker : workers) {\n    worker->Post(PauseListenerCommand{.listener = listener, .pauses = pauses});\n  }',
        'workers.front()->Post(PauseListenerCommand{.listener = listener, .pauses = pauses});',
      ),
    ],
  },
  {
    name: 'pause that ends with a shortage',
    why: 'A listener that was paused takes clients as soon as slots are free again.',
    edits: [
      edit(
        'listen/acceptor.cc',
        'if (is_short_ && !is_told_to_pause_ && lacks_slots())',
        'if (is_short_ && lacks_slots())',
      ),
    ],
  },
  {
    name: 'closed listener left on one loop',
    why: 'Its address stays in use, and half of those who come wait for nobody.',
    edits: [
      edit(
        'engine/crew.cc',
        'for (const std::unique_ptr<Worker>& worker : workers) {\n    worker->Post(CloseListenersCommand{.listener = listener});\n  }',
        'workers.front()->Post(CloseListenersCommand{.listener = listener});',
      ),
    ],
  },
  {
    name: "listener's row vacant with a client under way",
    why: 'A client that one loop has sent to another is counted for the next listener in the row.',
    edits: [
      edit(
        'engine/crew.cc',
        '  if (!closing.is_closed) closing = {.barrier = PostBarrier(), .is_closed = true};\n',
        '',
      ),
    ],
  },
  {
    name: "listener's row vacant while its sweep runs",
    why: 'Clients of a listener that has just opened are cut off, as those of the one before it were to be.',
    edits: [edit('engine/crew.cc', 'return !sweeps_.NameListener(listener);', 'return true;')],
  },
  {
    name: 'counters of a listener kept for the next',
    why: 'A listener that was just opened seems to have turned clients away.',
    edits: [edit('engine/crew.cc', 'Reset(counters->Listener(writer, listener));', '')],
  },
];
