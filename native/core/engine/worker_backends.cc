// How a loop finds backends for its clients.

#include <utility>

#include "engine/worker.h"
#include "sys/sys.h"

namespace spliceway {

SessionEvent Worker::EventOf(SessionEvent::Kind kind, std::uint32_t slot) const {
  return {.kind = kind,
          .slot = static_cast<std::int32_t>(slot),
          .generation = crew_.slab.NameOf(slot).generation};
}

SessionEvent Worker::EventOf(SessionEvent::Kind kind, const Session& session) const {
  SessionEvent event = EventOf(kind, session.slot());
  if (session.backend() != kNoRow) event.backend = session.backend();
  return event;
}

void Worker::PickFirst(Session& session) {
  const Tables::Pool& pool = tables_.latest().PoolOf(session.listener());
  if (!pool.cycle) return AskOwner(session);
  session.route.by_cycle = true;
  session.route.position = pool.cycle->Next(*pool.turn);
  Approach(session, pool.cycle->RowAt(session.route.position));
  TryBackends(session);
}

/// Sets out for a backend, or passes it over where it is full, or is to get no sessions, or no
/// local port is left for it.
void Worker::Approach(Session& session, std::uint16_t backend) {
  if (crew_.table.Row(backend).lacks_port(loop_->now_ms())) return session.PutOff(backend);
  if (!crew_.table.Row(backend).Enter()) return session.PassOver(backend);
  session.route.has_place = true;
  session.Approach(tables_.Lend(backend, crew_.table.Row(backend)), backend);
}

/// The session will not be at its backend any more.
void Worker::GiveUpPlace(Session& session) {
  if (!session.route.has_place) return;
  session.route.has_place = false;
  crew_.table.Row(session.backend()).Leave();
}

/// Tries addresses, and backends where the loop picks them, until an attempt is under way or none
/// is left. An attempt may fail at once; it is then followed by the next in this loop and not in a
/// call from within the failure, which could go as deep as there are backends.
void Worker::TryBackends(Session& session) {
  trying_ = &session;
  do {
    attempt_failed_ = false;
    if (!TryBackend(session)) {
      if (!WaitForPort(session)) AskOwner(session);
      break;
    }
  } while (attempt_failed_);
  trying_ = nullptr;
}

/// Starts the next attempt; false when nothing is left to try.
bool Worker::TryBackend(Session& session) {
  while (!session.TryNextAddress()) {
    NoteTried(session);
    GiveUpPlace(session);
    if (session.search_is_over() || !PickNext(session)) return false;
  }
  return true;
}

void Worker::NoteTried(Session& session) const {
  if (!session.route.by_cycle) return;
  std::vector<bool>& tried = session.tried();
  if (tried.empty()) tried.resize(crew_.table.rows());
  tried[session.backend()] = true;
  if (session.lacks_port()) session.put_off().push_back(session.backend());
}

/// The next row of the cycle that this session has not tried; so the sessions of a backend that is
/// down are spread over the others as the cycle spreads them.
bool Worker::PickNext(Session& session) {
  Route& route = session.route;
  const Cycle* cycle = tables_.latest().PoolOf(session.listener()).cycle.get();
  if (!route.by_cycle || cycle == nullptr) return false;
  const std::vector<bool>& tried = session.tried();
  // Once round: another cycle may have been published, in which its own place is another row's.
  for (std::size_t step = 1; step <= cycle->size(); ++step) {
    const std::uint16_t position = cycle->After(route.position, step);
    const std::uint16_t row = cycle->RowAt(position);
    if (tried[row]) continue;
    route.position = position;
    Approach(session, row);
    return true;
  }
  return false;
}

/// Where the only backends left are those that no local port is left for. What comes back is for
/// who asks first, so the same are asked again, and no other. False when there are none, or the
/// session has waited for long enough.
bool Worker::WaitForPort(Session& session) const {
  if (!session.route.by_cycle || session.put_off().empty()) return false;
  return session.Pause(loop_->now_ms() + BackendRow::kNoPortMs);
}

void Worker::OnPauseOver(Session& session) {
  for (const std::uint16_t row : session.put_off()) session.tried()[row] = false;
  session.put_off().clear();
  if (PickNext(session)) return TryBackends(session);
  AskOwner(session);
}

/// Who was not reported before, and would be now, gets no other answer from an owner that does not
/// follow: the backends of the cycle have failed it.
void Worker::AskOwner(Session& session) {
  session.route.by_cycle = false;
  if (!session.route.reported && crew_.events.is_full()) {
    NoteUnreported(session.listener());
    return session.End(Ending::kNoBackend);
  }
  if (!session.route.reported) {
    session.route.reported = true;
    SessionEvent accepted = EventOf(SessionEvent::Kind::kAccepted, session);
    accepted.listener = session.listener();
    accepted.SetAddress(session.client_address());
    crew_.events.Push(accepted);
  }
  SessionEvent need = EventOf(SessionEvent::Kind::kNeedBackend, session);
  need.reason = session.search_is_over() ? 1 : 0;
  crew_.events.Push(need);
}

void Worker::OnSetOut(int socket, const SocketAddress& to) {
  if (to.family() == AF_UNIX || ++connects_ < crew_.own_connections.interval()) return;
  connects_ = 0;
  crew_.own_connections.Note(sys::LocalAddress(socket), to);
}

void Worker::OnAttemptFailed(Session& session, const SocketAddress& address, int error) {
  SessionEvent event = EventOf(SessionEvent::Kind::kAttemptFailed, session);
  event.error = error;
  event.SetAddress(address);
  if (session.route.reported) {
    crew_.events.Push(event);
  } else {
    event.slot = -1;
    crew_.events.PushFailure(event);
  }
  if (session.waits_for_backend()) AttemptIsOver(session);
}

/// Whoever tries backends for it goes on; where nobody does, it begins here.
void Worker::AttemptIsOver(Session& session) {
  attempt_failed_ = true;
  if (trying_ != &session) TryBackends(session);
}

void Worker::OnNoPort(Session& session, const SocketAddress& address) {
  // Ports are those of one address: another one of the same backend may have some.
  if (session.has_one_address()) crew_.table.Row(session.backend()).NoteNoPort(loop_->now_ms());
  SessionEvent event = EventOf(SessionEvent::Kind::kNoPort, session);
  if (!session.route.reported) event.slot = -1;
  event.SetAddress(address);
  crew_.events.PushNoPort(event);
  AttemptIsOver(session);
}

void Worker::OnOutrun(Session& session, const SocketAddress& address) {
  SessionEvent event = EventOf(SessionEvent::Kind::kOutrun, session);
  event.SetAddress(address);
  if (session.route.reported) return crew_.events.Push(event);
  event.slot = -1;
  crew_.events.PushOutrun(event);
}

void Worker::OnOpened(Session& session) {
  if (session.route.reported) crew_.events.Push(EventOf(SessionEvent::Kind::kOpened, session));
}

}  // namespace spliceway
