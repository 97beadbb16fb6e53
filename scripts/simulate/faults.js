/**
 * Known faults of layer-4 proxies, each written into a copy of the core: the simulator must find every
 * one. A fault is what somebody might really write; where the core changes so that its text is gone, it
 * has to be thought about again, and the test says so.
 */
import { readFileSync } from 'node:fs';
import { inRoot } from '../lib/root.js';

/**
 * @typedef {object} Edit
 * @property {string} file below `native/core/`
 * @property {string} before found there exactly once
 * @property {string} after
 */

/**
 * @typedef {object} Fault
 * @property {string} name
 * @property {string} why what it did to whom
 * @property {readonly Edit[]} edits
 */

/** @type {(file: string, before: string, after: string) => Edit} */
const edit = (file, before, after) => ({ file, before, after });

/** @type {readonly Fault[]} */
export const faults = [
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
        'if (pipe->held > 0 || idle_.size() >= limits_.idle) {',
        'pipe->held = 0;\n  if (idle_.size() >= limits_.idle) {',
      ),
    ],
  },
  {
    name: 'budget stop without re-queue',
    why: 'A relay that stopped because its turn was over waits for an edge that was reported already.',
    edits: [
      edit('relay/session.cc', 'if (up.more || down.more) context_->loop.Enqueue(*this);\n', ''),
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
    name: 'error forgotten',
    why: 'The kernel tells a reset once; the read after that looks like a clean end.',
    edits: [
      edit(
        'relay/session.cc',
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
        'relay/session.cc',
        'survivor.is_tcp ? sys::UnacknowledgedBytes(survivor.socket.get()) : 0',
        'survivor.is_tcp && !survivor.socket.valid() ? 1 : 0',
      ),
    ],
  },
  {
    name: 'want of memory forgotten',
    why: 'No event tells that memory has come back.',
    edits: [edit('relay/session.cc', 'starved_ = starved_ || starved;', 'starved_ = false;')],
  },
  {
    name: 'low-water mark not looked at',
    why: 'What stays below the mark is never reported.',
    edits: [
      edit('relay/session.cc', 'looks_again_ = looks_again_ || marked;', 'looks_again_ = false;'),
    ],
  },
  {
    name: 'time-out that hides a loss',
    why: 'A clean close after a time-out, with bytes held, passes for an end.',
    edits: [
      edit(
        'relay/session.cc',
        'const bool bytes_lost = upstream_.held() > 0 || downstream_.held() > 0 || starved_;',
        'const bool bytes_lost = false;',
      ),
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
    name: "backend's place kept",
    why: 'A backend with a limit of sessions fills up with those that have ended.',
    edits: [
      edit(
        'engine/worker.cc',
        'crew_.clients.Leave(session.slot());\n  GiveUpPlace(session);',
        'crew_.clients.Leave(session.slot());',
      ),
    ],
  },
  {
    name: 'listener that stays shut',
    why: 'Accepting paused for want of a descriptor, and nobody tries again.',
    edits: [
      edit(
        'listen/acceptor.cc',
        'void Acceptor::OnTimer() { TryToResume(); }',
        'void Acceptor::OnTimer() {}',
      ),
    ],
  },
  {
    name: 'clean end that resets',
    why: 'The close after both ends takes back the last bytes, which the kernel has not sent yet.',
    edits: [
      edit(
        'relay/session.cc',
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
        'relay/session.cc',
        '  if (left == 0 || now >= since_ms_ + limit) {\n    return Close(CloseReason::kReset,',
        '  if (left == 0 || now >= since_ms_ + limit) {\n    return Close(CloseReason::kFinished,',
      ),
    ],
  },
  {
    name: 'idle time-out that never comes',
    why: 'Clients that vanished hold their sessions for ever.',
    edits: [edit('relay/session.cc', 'apply(timeouts_.idle_ms, CloseReason::kIdleTimeout);\n', '')],
  },
  {
    name: 'time-out before what waits',
    why: 'A process that was stopped, or frozen, cuts its sessions when it wakes, and loses what came meanwhile.',
    edits: [
      edit(
        'relay/session.cc',
        'if (now >= RelayDeadline()) MoveWhatWaits();',
        'if (now >= RelayDeadline()) Advance();',
      ),
    ],
  },
  {
    name: 'connect time-out before the answer',
    why: 'A process that was stopped, or frozen, drops the backends that had accepted meanwhile.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'if (is_silent(backend_)) FailAttempt(ETIMEDOUT);',
        'FailAttempt(ETIMEDOUT);',
      ),
    ],
  },
  {
    name: 'rival that nobody is woken for',
    why: 'Where a network drops one IP family, each client waits for the whole connect time-out.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'std::min({ConnectDeadline(since_ms_), RaceBegins(), RivalDeadline()})',
        'std::min(ConnectDeadline(since_ms_), RivalDeadline())',
      ),
    ],
  },
  {
    name: 'silent address given up for the other',
    why: 'One lost SYN of a healthy address, and the client waits for another one that is down.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'if (is_silent(backend_)) StartRival();',
        'if (is_silent(backend_)) FailAttempt(ETIMEDOUT);',
      ),
    ],
  },
  {
    name: "rival timed by the first one's start",
    why: 'An address that was tried later is given up before its time.',
    edits: [edit('relay/session_connect.cc', 'since_ms_ = other.since_ms;\n', '')],
  },
  {
    name: 'event of one attempt taken for the other',
    why: 'A client is joined to a socket that is not connected, for another one was.',
    edits: [
      edit(
        'relay/session.cc',
        'endpoint.is_second == (token == kSecondBackendToken)',
        'token != kClientToken',
      ),
    ],
  },
  {
    name: 'backend failed with its first address',
    why: 'A backend looks down of which one address is, beside one that serves every client.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'if (next_address_ == addresses_->size()) backend_counters()',
        'backend_counters()',
      ),
    ],
  },
  {
    name: 'keepalive that nobody is woken for',
    why: 'A backend that has lost its power says nothing more, and its sessions stay for the idle time-out.',
    edits: [
      edit('relay/session.cc', 'std::min(RelayDeadline(), KeepAliveDeadline())', 'RelayDeadline()'),
    ],
  },
  {
    name: 'handshake time-out that never comes',
    why: 'Whoever connects and says nothing holds a slot for as long as it likes.',
    edits: [
      edit(
        'relay/session.cc',
        'if (timeouts_.handshake_ms != 0 && silent()) {',
        'if (timeouts_.handshake_ms != 0 && client_.failed) {',
      ),
    ],
  },
  {
    name: 'handshake time-out after the handshake',
    why: 'A session that has long been in use is cut off at its first pause.',
    edits: [
      edit(
        'relay/session.cc',
        'if (timeouts_.handshake_ms != 0 && silent()) {',
        'if (timeouts_.handshake_ms != 0) {',
      ),
    ],
  },
  {
    name: 'half-close time-out that never comes',
    why: 'A side that keeps silent after the other has ended holds the session for ever.',
    edits: [
      edit(
        'relay/session.cc',
        'if (half_closed()) apply(timeouts_.half_close_ms, CloseReason::kHalfCloseTimeout);\n',
        '',
      ),
    ],
  },
  {
    name: 'half-close time-out of open sessions',
    why: 'The short time-out cuts off sessions that neither side has ended.',
    edits: [
      edit(
        'relay/session.cc',
        'if (half_closed()) apply(timeouts_.half_close_ms,',
        'apply(timeouts_.half_close_ms,',
      ),
    ],
  },
  {
    name: 'time-out that always resets',
    why: 'A reset takes back bytes that the kernel had been given and would have delivered.',
    edits: [
      edit(
        'relay/session.cc',
        'const bool bytes_lost = upstream_.held() > 0 || downstream_.held() > 0 || starved_;',
        'const bool bytes_lost = true;',
      ),
    ],
  },
  {
    name: 'connect time-out that never comes',
    why: 'A backend that does not answer keeps its clients, though another one would.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'return FailAttempt(connected.error);\n  ArmConnectTimer();',
        'return FailAttempt(connected.error);',
      ),
    ],
  },
  {
    name: 'survivor of a reset without a bound',
    why: 'A peer that does not read holds the session, and the bytes, of one that is gone.',
    edits: [
      edit(
        'relay/session.cc',
        '  if (limit == kNever && (client_.failed || backend_.failed)) limit = kDeliveryLimitMs;\n',
        '',
      ),
    ],
  },
  {
    name: 'every client refused',
    why: 'A limit of sessions is taken for none at all.',
    edits: [
      edit(
        'engine/worker.cc',
        'if (!crew_.clients.Enter(slot, address, options.clients)) {',
        'if (options.clients.remote > 0) {',
      ),
    ],
  },
  {
    name: "client's limit that counts nobody",
    why: 'One client takes all the slots.',
    edits: [edit('listen/client_table.cc', 'if (entry.sessions >= most) return false;\n', '')],
  },
  {
    name: "client's count kept",
    why: 'A client that has come and gone as often as its limit is refused for ever.',
    edits: [edit('engine/worker.cc', 'crew_.clients.Leave(session.slot());\n', '')],
  },
  {
    name: "backend's limit that counts nobody",
    why: 'A backend gets more sessions than it said that it can take.',
    edits: [
      edit(
        'engine/worker.cc',
        'if (place == Places::Answer::kNone) return session.PassOver(backend);\n',
        '',
      ),
    ],
  },
  {
    name: 'nobody told of free slots',
    why: 'Clients wait in front of slots that have been free for long.',
    edits: [
      edit(
        'engine/worker.cc',
        'for (const std::unique_ptr<Worker>& worker : workers) worker->TellOfSlots();\n',
        '',
      ),
    ],
  },
  {
    name: 'next backend not tried',
    why: 'A client fails with the first backend that is down, beside others that are up.',
    edits: [edit('engine/worker.cc', 'if (!PickNext(session)) return false;', 'return false;')],
  },
  {
    name: 'poll for ever',
    why: 'A stream that needed to be looked at once is looked at every millisecond from then on.',
    edits: [
      edit(
        'relay/session.cc',
        '  starved_ = looks_again_ = false;\n  ArmRelayTimer();',
        '  starved_ = false;\n  ArmRelayTimer();',
      ),
    ],
  },
  {
    name: 'directions swapped in the counters',
    why: 'What clients sent is shown as what they got.',
    edits: [
      edit('relay/session.cc', 'Account(up.bytes, down.bytes);', 'Account(down.bytes, up.bytes);'),
    ],
  },
  {
    name: 'held client sent on its way',
    why: 'The program is told of a client, and a backend has its bytes before the answer: to deny it comes too late.',
    edits: [
      edit(
        'engine/worker.cc',
        '.picks = held ? Picks::kByOwner : Picks::kByCycle,',
        '.picks = options.picks,',
      ),
    ],
  },
  {
    name: 'denied client told of a clean end',
    why: 'A client that was not let in takes it for an empty answer, and its kernel keeps the connection for a minute.',
    edits: [
      edit(
        'relay/session.cc',
        'Close(CloseReason::kEnded, 0, ending != Ending::kNoBackend);',
        'Close(CloseReason::kEnded, 0, ending == Ending::kReset);',
      ),
    ],
  },
  {
    name: 'denied client not counted',
    why: 'Nobody sees that clients are turned away.',
    edits: [edit('relay/session.cc', 'if (ending == Ending::kDenied) row->rejected.Add(1);\n', '')],
  },
  {
    name: 'failure not counted',
    why: 'A backend that is down looks healthy to whoever watches the counters.',
    edits: [
      edit(
        'relay/session_connect.cc',
        'if (next_address_ == addresses_->size()) backend_counters()->failed.Add(1);\n',
        '',
      ),
    ],
  },
  {
    name: 'drain reported too early',
    why: 'The program exits, and takes with it the sessions that it was to wait for.',
    edits: [
      edit(
        'engine/worker.cc',
        'if (open_listeners.load() > 0 || slab.in_use() > 0) return;',
        'if (open_listeners.load() > 0) return;',
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

/**
 * @param {Edit} change
 * @returns {string} the file's text with the change in it
 */
export function applied(change) {
  const text = readFileSync(inRoot('native', 'core', change.file), 'utf8');
  if (text.split(change.before).length !== 2) {
    throw new Error(
      `native/core/${change.file} does not hold, once, what a fault would change:\n${change.before}`,
    );
  }
  return text.replace(change.before, () => change.after);
}
