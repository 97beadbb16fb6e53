/** What is to happen when a time is over, and when. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const timeFaults = [
  {
    name: 'time-out that hides a loss',
    why: 'A clean close after a time-out, with bytes held, passes for an end.',
    edits: [
      edit(
        'session/session.cc',
        'const bool bytes_lost = upstream_.held() > 0 || downstream_.held() > 0 || starved_;',
        'const bool bytes_lost = false;',
      ),
    ],
  },
  {
    name: 'idle time-out that never comes',
    why: 'Clients that vanished hold their sessions for ever.',
    edits: [
      edit('session/session.cc', 'apply(timeouts_->idle_ms, CloseReason::kIdleTimeout);\n', ''),
    ],
  },
  {
    name: 'time-out before what waits',
    why: 'A process that was stopped, or frozen, cuts its sessions when it wakes, and loses what came meanwhile.',
    edits: [
      edit(
        'session/session.cc',
        'if (now >= RelayDeadline()) MoveWhatWaits();',
        'if (now >= RelayDeadline()) Advance();',
      ),
    ],
  },
  {
    name: 'connect time-out before the answer',
    why: 'A process that was stopped, or frozen, drops the backends that had accepted meanwhile.',
    among: 'stops',
    edits: [edit('session/session_connect.cc', 'if (!is_silent(backend_)) return;\n', '')],
  },
  {
    name: 'rival that nobody is woken for',
    why: 'Where a network drops one IP family, each client waits for the whole connect time-out.',
    edits: [
      edit(
        'session/session_connect.cc',
        'if (postponed_ == Postponed::kNo) next = RaceBegins();\n',
        '',
      ),
    ],
  },
  {
    name: 'outrun address not told',
    why: 'Each client waits a quarter of a second for an address that never answers.',
    edits: [
      edit('session/session_connect.cc', 'context_->owner.OnOutrun(*this, address());\n', ''),
    ],
  },
  {
    name: 'silent address given up for the other',
    why: 'One lost SYN of a healthy address, and the client waits for another one that is down.',
    edits: [
      edit(
        'session/session_connect.cc',
        'if (is_silent(backend_)) StartRival();',
        'if (is_silent(backend_)) FailAttempt(ETIMEDOUT);',
      ),
    ],
  },
  {
    name: "rival timed by the first one's start",
    why: 'An address that was tried later is given up before its time.',
    edits: [edit('session/session_connect.cc', 'since_ms_ = other.since_ms & kLatestMs;\n', '')],
  },
  {
    name: 'keepalive that nobody is woken for',
    why: 'A backend that has lost its power says nothing more, and its sessions stay for the idle time-out.',
    edits: [
      edit(
        'session/session.cc',
        'std::min(RelayDeadline(), KeepAliveDeadline())',
        'RelayDeadline()',
      ),
    ],
  },
  {
    name: 'peers that are asked without an end',
    why: 'The kernel asks each silent peer each sixth of the time, though it has answered.',
    edits: [edit('session/session_keep_alive.cc', 'TellOfSilence(context_->keep_alive_s);\n', '')],
  },
  {
    name: 'client that is not asked in its own time',
    why: 'Clients of a crowd are asked by the timers of the kernel, all at once.',
    edits: [
      edit(
        'session/session_keep_alive.cc',
        'for (const Endpoint* endpoint : {&client_, &backend_}) {',
        'for (const Endpoint* endpoint : {&backend_}) {',
      ),
    ],
  },
  {
    name: 'silence in which peers are asked once',
    why: 'In the second minute the timers of the kernel ask all of a crowd at once.',
    edits: [
      edit(
        'session/session_keep_alive.cc',
        'periods == 0 || periods == keep_alive_.periods',
        'periods != 1 || periods == keep_alive_.periods',
      ),
    ],
  },
  {
    name: 'handshake time-out that never comes',
    why: 'Whoever connects and says nothing holds a slot for as long as it likes.',
    edits: [
      edit(
        'session/session.cc',
        'if (timeouts_->handshake_ms != 0 && silent()) {',
        'if (timeouts_->handshake_ms != 0 && client_.failed) {',
      ),
    ],
  },
  {
    name: 'handshake time-out after the handshake',
    why: 'A session that has long been in use is cut off at its first pause.',
    edits: [
      edit(
        'session/session.cc',
        'if (timeouts_->handshake_ms != 0 && silent()) {',
        'if (timeouts_->handshake_ms != 0) {',
      ),
    ],
  },
  {
    name: 'half-close time-out that never comes',
    why: 'A side that keeps silent after the other has ended holds the session for ever.',
    edits: [
      edit(
        'session/session.cc',
        'if (half_closed()) apply(timeouts_->half_close_ms, CloseReason::kHalfCloseTimeout);\n',
        '',
      ),
    ],
  },
  {
    name: 'half-close time-out of open sessions',
    why: 'The short time-out cuts off sessions that neither side has ended.',
    edits: [
      edit(
        'session/session.cc',
        'if (half_closed()) apply(timeouts_->half_close_ms,',
        'apply(timeouts_->half_close_ms,',
      ),
    ],
  },
  {
    name: 'time-out that always resets',
    why: 'A reset takes back bytes that the kernel had been given and would have delivered.',
    edits: [
      edit(
        'session/session.cc',
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
        'session/session_connect.cc',
        'return FailAttempt(connected.error);\n  ArmConnectTimer();',
        'return FailAttempt(connected.error);',
      ),
    ],
  },
  {
    name: 'budget of a search that begins anew with each backend',
    why: 'Where many backends are silent, a client holds its slot for minutes.',
    edits: [
      edit(
        'session/session_connect.cc',
        'kNever : SearchBegan() + budget_ms',
        'kNever : since_ms_ + budget_ms',
      ),
    ],
  },
  {
    name: 'backend blamed for the end of a search',
    why: 'A backend that had the last milliseconds of a client counts as one that does not answer.',
    edits: [edit('session/session_connect.cc', '    if (IsCutShort()) return CutShort();\n', '')],
  },
  {
    name: 'room that nobody looks for again',
    why: 'Where the queue of a Unix backend was full once, whoever waits there waits for ever.',
    edits: [
      edit(
        'session/room_queue.cc',
        'return loop_.Arm(*this, loop_.now_ms() + pause_ms_);',
        'return;',
      ),
    ],
  },
  {
    name: 'attempts of a search without a bound',
    why: 'One client costs as many attempts as there are backends that are down.',
    edits: [
      edit(
        'session/session_connect.cc',
        'return (search_ ? search_->attempts : 1) < most;',
        'return most > 0;',
      ),
    ],
  },
  {
    name: 'backend that failed lately left out',
    why: 'A client is sent away though a backend would have answered, which had failed another one.',
    edits: [
      edit(
        'select/walk.cc',
        'if (takes_failed() || !passed_over_) return false;',
        'if (takes_failed() || passed_over_) return false;',
      ),
    ],
  },
  {
    name: 'client that has left searched for',
    why: 'Clients that give up and come again fill the slots, while every backend is silent.',
    edits: [
      edit(
        'session/session_connect.cc',
        'return MayHaveLeft() ? SearchBegan() + kListensForMs : kNever;',
        'return kNever;',
      ),
    ],
  },
  {
    name: 'client that only listens dropped',
    why: 'Whoever ends its stream first and waits for the answer, as of a time server, gets none.',
    edits: [edit('session/session_connect.cc', 'SearchBegan() + kListensForMs', 'SearchBegan()')],
  },
  {
    name: 'survivor of a reset without a bound',
    why: 'A peer that does not read holds the session, and the bytes, of one that is gone.',
    among: 'stayers',
    edits: [
      edit(
        'session/session.cc',
        '  if (limit == kNever && (client_.failed || backend_.failed)) limit = kDeliveryLimitMs;\n',
        '',
      ),
    ],
  },
];
