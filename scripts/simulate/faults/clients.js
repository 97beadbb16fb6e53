/** Who is served, by which backend, and what is counted. */
import { edit } from './edit.js';

/** @import { Fault } from '../faults.js' */

/** @type {readonly Fault[]} */
export const clientFaults = [
  {
    name: "backend's place kept",
    why: 'A backend with a limit of sessions fills up with those that have ended.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'LeaveService(*options.service);\n  GiveUpPlace(session);',
        'LeaveService(*options.service);',
      ),
    ],
  },
  {
    name: "listener's place kept by a client without a backend",
    why: 'A listener with a limit of its own fills up with clients that left before a backend was found.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'if (options.service != nullptr) LeaveService(*options.service);',
        'if (options.service != nullptr && session.backend() != kNoRow) LeaveService(*options.service);',
      ),
    ],
  },
  {
    name: 'sessions before a limit of a listener do not count',
    why: 'A listener that gets a limit while it runs lets in as many again, and its count falls below zero.',
    edits: [edit('engine/worker.cc', '  CountAnew(*next);\n', '')],
  },
  {
    name: 'listener that stays shut',
    why: 'Accepting paused for want of a descriptor, and nobody tries again.',
    edits: [
      edit(
        'listen/acceptor.cc',
        'void Acceptor::OnTimer() { TryToEndShortage(); }',
        'void Acceptor::OnTimer() {}',
      ),
    ],
  },
  {
    name: 'event of one attempt taken for the other',
    why: 'A client is joined to a socket that is not connected, for another one was.',
    edits: [
      edit(
        'session/session.cc',
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
        'session/session_connect.cc',
        'if (next_address_ == addresses_->size() && !lacks_port()) backend_counters()',
        'backend_counters()',
      ),
    ],
  },
  {
    name: 'backend blamed for a client that left',
    why: 'Clients that connect and leave, as probes do, have the backend ejected that serves all others.',
    edits: [
      edit(
        'session/session.cc',
        'if (!client_ended && context_->loop.now_ms() < deadline)',
        'if (context_->loop.now_ms() < deadline)',
      ),
    ],
  },
  {
    name: 'other source addresses not tried',
    why: 'The ports of one source address are used up, and a backend is passed over that others would reach.',
    edits: [edit('session/session_connect.cc', 'if (!LacksPort(connected)) return', 'return')],
  },
  {
    name: 'every client refused',
    why: 'A limit of sessions is taken for none at all.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'const bool has_place = crew_.clients.Enter(slot, address, options.clients);',
        'const bool has_place = options.clients.remote == 0;',
      ),
    ],
  },
  {
    name: 'silent end that is counted for good',
    why: 'Once many clients have ended their stream and got their answer late, none may wait for one.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        '  session.route.ended_silently = false;\n  ring_guard_.SilentEndIsOver();\n',
        '  session.route.ended_silently = false;\n',
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
    edits: [edit('engine/worker_clients.cc', 'crew_.clients.Leave(session.slot());\n', '')],
  },
  {
    name: "backend's limit that counts nobody",
    why: 'A backend gets more sessions than it said that it can take.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        '  if (entry != BackendRow::Entry::kCounted) {',
        '  if (entry == BackendRow::Entry::kNotUp) {',
      ),
    ],
  },
  {
    name: 'nobody told of free slots',
    why: 'Clients wait in front of slots that have been free for long.',
    edits: [
      edit(
        'engine/crew.cc',
        '!slots_wanted.exchange(false)) return;\n  for (const std::unique_ptr<Worker>& worker : workers) worker->TellOfSlots();\n',
        '!slots_wanted.exchange(false)) return;\n',
      ),
    ],
  },
  {
    name: 'slots that another loop has put by',
    why: 'Each loop keeps some slots for itself, and clients of the others wait in front of them.',
    edits: [edit('engine/session_slab.cc', 'if (!slot) slot = TakeOfOthers();\n', '')],
  },
  {
    name: 'loop that lets the others accept for good',
    why: 'It goes behind the other loops of a listener by registering anew, and forgets the second half.',
    edits: [
      edit(
        'listen/acceptor.cc',
        'loop_.Unwatch(socket_->fd());\n  WatchOrBeShort();',
        'loop_.Unwatch(socket_->fd());',
      ),
    ],
  },
  {
    name: 'session forgotten after failures at once',
    why: 'Whoever meets a few backends that fail at once lets others have their turn, and never gets its own.',
    edits: [edit('engine/worker_backends.cc', '      session.Yield();\n', '')],
  },
  {
    name: 'walk that goes on in another cycle',
    why: 'A client is sent away that has not met every backend, since the cycle was published anew meanwhile.',
    edits: [
      edit('select/walk.cc', '      BeginAgain();\n      enters_anew_ = true;', '      left_ = 0;'),
    ],
  },
  {
    name: 'commands of a crowded turn forgotten',
    why: 'What the program asks of many sessions at once is done to some, and to the others when it asks again.',
    edits: [
      edit(
        'engine/worker.cc',
        'loop_->spent() >= limit) return loop_->Enqueue(*this);',
        'loop_->spent() >= limit) return;',
      ),
    ],
  },
  {
    name: 'next backend not tried',
    why: 'A client fails with the first backend that is down, beside others that are up.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        'if (session.search_is_over() || !PickNext(session)) return false;',
        'return false;',
      ),
    ],
  },
  {
    name: 'backend blamed for want of a local port',
    why: 'The backends look down when this machine has made as many connections as it has ports, and clients are dropped.',
    edits: [
      edit(
        'session/session_connect.cc',
        'if (LacksPort(connected)) return LeaveForWantOfPort();',
        'if (LacksPort(connected)) return FailAttempt(connected.error);',
      ),
    ],
  },
  {
    name: 'client that waits for a local port forgotten',
    why: 'Ports come back, and the client waits on until it leaves.',
    edits: [
      edit(
        'session/session_connect.cc',
        'state_ = State::kPausing;\n  context_->loop.Arm(*this, until_ms);',
        'state_ = State::kPausing;',
      ),
    ],
  },
  {
    name: 'client dropped for want of a local port',
    why: 'Ports come back every moment, and clients are turned away as if every backend was down.',
    edits: [
      edit(
        'engine/worker_backends.cc',
        'if (!WaitForPlace(session) && !WaitForPort(session)) AskOwner(session);',
        'if (!WaitForPlace(session)) AskOwner(session);',
      ),
    ],
  },
  {
    name: 'held client sent on its way',
    why: 'The program is told of a client, and a backend has its bytes before the answer: to deny it comes too late.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        '  if (!session.route.awaits_word) return PickFirst(session, &command.address);\n',
        '  if (*picks == Picks::kByCycle) return PickFirst(session, &command.address);\n',
      ),
    ],
  },
  {
    name: 'watched client held for ever',
    why: 'A program that only looks on, and stands still, stops every new client.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        '  if (*picks == Picks::kByCycle) session.AwaitWord();\n',
        '',
      ),
    ],
  },
  {
    name: 'watched client not waited for',
    why: 'A client that the program ends as soon as it hears of it has reached a backend.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'held || (watched && reported && !crew_.events.lags());',
        'held;',
      ),
    ],
  },
  {
    name: 'lag that is never over',
    why: 'A program that stood still once may deny nobody from then on.',
    edits: [
      edit(
        'engine/event_queue.cc',
        'if (std::exchange(ends_lag_, false)) lags_.store(false, std::memory_order_relaxed);',
        '',
      ),
    ],
  },
  {
    name: 'lag without a cause',
    why: 'A client that the program is about to end goes on, as the loop is impatient.',
    edits: [edit('session/session.cc', 'since_ms_ + kWordMs);', 'since_ms_ + kWordMs / 2);')],
  },
  {
    name: 'denied client told of a clean end',
    why: 'A client that was not let in takes it for an empty answer, and its kernel keeps the connection for a minute.',
    edits: [
      edit(
        'session/session.cc',
        'Close(CloseReason::kEnded, 0, ending != Ending::kNoBackend, ending);',
        'Close(CloseReason::kEnded, 0, ending == Ending::kReset, ending);',
      ),
    ],
  },
  {
    name: 'denied client not counted',
    why: 'Nobody sees that clients are turned away.',
    edits: [
      edit('session/session.cc', 'if (ending == Ending::kDenied) row->rejected.Add(1);\n', ''),
    ],
  },
  {
    name: 'failure not counted',
    why: 'A backend that is down looks healthy to whoever watches the counters.',
    edits: [
      edit(
        'session/session_connect.cc',
        'if (next_address_ == addresses_->size() && !lacks_port()) backend_counters()->failed.Add(1);\n',
        '',
      ),
    ],
  },
  {
    name: 'end not told',
    why: 'The program keeps for ever what it has made for a session that is long over.',
    edits: [
      edit('engine/worker.cc', 'crew_.events.Push(event);\n    }\n    // After', '}\n    // After'),
    ],
  },
  {
    name: 'left out uncounted',
    why: 'A program that could not follow believes that it has seen every session.',
    edits: [
      edit(
        'engine/worker_clients.cc',
        'if (!reported && attention != Attention::kNone) NoteUnreported(listener);\n',
        '',
      ),
    ],
  },
  {
    name: 'slot taken for its session',
    why: 'What the program asks of a session that has just ended is done to the next one in its slot.',
    edits: [
      edit(
        'engine/worker.cc',
        'return crew_.slab.LoopOf(name) == index_ ? &crew_.slab.At(name.slot) : nullptr;',
        'return &crew_.slab.At(name.slot);',
      ),
    ],
  },
  {
    name: 'drain reported too early',
    why: 'The program exits, and takes with it the sessions that it was to wait for.',
    edits: [
      edit(
        'engine/crew.cc',
        'if (open_listeners.load() > 0 || slab.in_use() > 0 || !slab.is_empty()) return;',
        'if (open_listeners.load() > 0) return;',
      ),
    ],
  },
];
