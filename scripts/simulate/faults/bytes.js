/** How bytes move, and how a session ends. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const byteFaults = [
  {
    name: 'EAGAIN taken for empty',
    why: 'A full pipe says EAGAIN, too: segments fill its slots long before its bytes, and the session hangs.',
    edits: [
      edit(
        'relay/relay.cc',
        'else if (held() > 0 || !source.readable) {',
        'else if (pending_.size() > 0 || !source.readable) {',
      ),
    ],
  },
  {
    name: 'FIN before drain',
    why: 'The end overtakes bytes that are held for a slow reader, and cuts them off.',
    edits: [
      edit(
        'relay/relay.cc',
        'else if (source_ended_ && held() == 0) {',
        'else if (source_ended_) {',
      ),
    ],
  },
  {
    name: 'RDHUP as EOF',
    why: 'The event comes with the FIN, while bytes before it are still to be read.',
    edits: [
      edit(
        'relay/relay.cc',
        'while (state_ == State::kOpen && !progress.starved) {',
        'while (state_ == State::kOpen && !progress.starved) {\n' +
          '    if (source.end_told && !source.failed) NoteEndOfSource(source, 0);',
      ),
    ],
  },
  {
    name: 'dirty pipe pooled',
    why: "What one session left in a pipe goes to another session's peer.",
    edits: [
      edit(
        'relay/pipe_pool.cc',
        'if (pipe->held > 0 || idle_.size() >= budget_.limits().idle) {',
        'pipe->held = 0;\n  if (idle_.size() >= budget_.limits().idle) {',
      ),
    ],
  },
  {
    name: 'pipes without a budget',
    why: 'One loop makes as many as it likes, and the sessions of the others find no descriptor.',
    edits: [
      edit('relay/pipe_budget.cc', 'if (taken.pipes + without >= limits_.pipes) return 0;\n', ''),
    ],
  },
  {
    name: "pipe's part of the budget kept",
    why: 'After some resets with bytes under way every stream is copied, for good.',
    edits: [edit('relay/pipe_pool.cc', 'budget_.Give(pipe->capacity,', 'budget_.Give(pipe->held,')],
  },
  {
    name: 'budget stop without re-queue',
    why: 'A relay that stopped because its turn was over waits for an edge that was reported already.',
    edits: [
      edit('session/session.cc', 'if (up.more || down.more) context_->loop.Enqueue(*this);\n', ''),
    ],
  },
  {
    name: 'URG ignored',
    why: 'At an urgent mark splice says EAGAIN for ever, and what is behind it never arrives.',
    edits: [edit('relay/relay.cc', 'if (source.urgent) {', 'if (false) {')],
  },
  {
    name: 'end at an urgent mark believed',
    why: 'With the FIN there as well, splice says 0 at the mark: what is behind it was lost.',
    edits: [
      edit(
        'relay/relay.cc',
        '      // its reset, with bytes behind the mark. Only a plain read tells the end.\n      Copy(source, sink, context, progress);',
        '      NoteEndOfSource(source, 0);',
      ),
    ],
  },
  {
    name: 'short read taken for empty at the end',
    why: 'The edge of an end that was reported before does not come again.',
    edits: [
      edit(
        'relay/relay.cc',
        'if (source.is_tcp && !source.urgent && !source.end_told) source.readable = false;',
        'source.readable = false;',
      ),
    ],
  },
  {
    name: 'small read of a crowded turn taken for empty',
    why: 'A read that took all that the turn allowed is taken for one that took all there was: no edge tells of the rest.',
    edits: [
      edit(
        'relay/relay.cc',
        'if (got.bytes == into.size()) {\n    if (!bulk_ &&',
        'if (got.bytes == into.size() && got.bytes >= kLeastProof) {\n    if (!bulk_ &&',
      ),
    ],
  },
  {
    name: 'rest of a crowded turn forgotten',
    why: 'What a turn has no room for is to go on in a later one, of which no event tells.',
    edits: [
      edit(
        'relay/relay.cc',
        'progress.more = true;\n      break;',
        'progress.more = context.message_bytes >= kMessageBytes;\n      break;',
      ),
    ],
  },
  {
    name: 'error forgotten',
    why: 'The kernel tells a reset once; the read after that looks like a clean end.',
    edits: [
      edit(
        'session/session.cc',
        'if (error != 0) endpoint.Fail(error);',
        'static_cast<void>(error);',
      ),
    ],
  },
  {
    name: 'survivor reset before it has everything',
    why: 'A reset takes back what the kernel has not delivered yet.',
    edits: [
      edit(
        'session/session.cc',
        'survivor.is_tcp ? sys::UnacknowledgedBytes(survivor.socket.get()) : 0',
        'survivor.is_tcp && !survivor.socket.valid() ? 1 : 0',
      ),
    ],
  },
  {
    name: 'want of memory forgotten',
    why: 'No event tells that memory has come back.',
    edits: [edit('session/session.cc', 'starved_ = starved_ || starved;', 'starved_ = false;')],
  },
  {
    name: 'low-water mark not looked at',
    why: 'What stays below the mark is never reported.',
    among: 'streams',
    edits: [
      edit('session/session.cc', 'looks_again_ = looks_again_ || marked;', 'looks_again_ = false;'),
    ],
  },
  {
    name: 'pipe leaked with its session',
    why: 'Each session that ends with bytes under way costs two descriptors.',
    edits: [
      edit(
        'relay/relay.cc',
        'if (pipe_ != nullptr) pipes.Return(std::exchange(pipe_, nullptr));\n}\n\n/// A pipe is borrowed',
        'static_cast<void>(pipes);\n  static_cast<void>(pipe_.release());\n}\n\n/// A pipe is borrowed',
      ),
    ],
  },
  {
    name: 'clean end that resets',
    why: 'The close after both ends takes back the last bytes, which the kernel has not sent yet.',
    edits: [
      edit(
        'session/session.cc',
        'Close(CloseReason::kFinished, 0, false);',
        'Close(CloseReason::kFinished, 0, true);',
      ),
    ],
  },
  {
    name: 'reset reported as finished',
    why: 'The log says that all went well with a session whose client had crashed.',
    edits: [
      edit(
        'session/session.cc',
        '  if (left == 0 || now >= since_ms_ + limit) {\n    return Close(CloseReason::kReset,',
        '  if (left == 0 || now >= since_ms_ + limit) {\n    return Close(CloseReason::kFinished,',
      ),
    ],
  },
  {
    name: 'poll for ever',
    why: 'A stream that needed to be looked at once is looked at every millisecond from then on.',
    edits: [
      edit(
        'session/session.cc',
        '  starved_ = looks_again_ = false;\n  ArmRelayTimer();',
        '  starved_ = false;\n  ArmRelayTimer();',
      ),
    ],
  },
  {
    name: 'directions swapped in the counters',
    why: 'What clients sent is shown as what they got.',
    edits: [
      edit(
        'session/session.cc',
        'Account(up.bytes, down.bytes);',
        'Account(down.bytes, up.bytes);',
      ),
    ],
  },
  {
    name: 'reset behind an urgent mark believed',
    why: 'A splice at the mark reports the reset, while bytes behind the mark are still to be read.',
    edits: [
      edit(
        'relay/relay.cc',
        '      source.Fail(moved.error);\n      [[fallthrough]];',
        '      NoteEndOfSource(source, moved.error);\n      break;',
      ),
    ],
  },
];
