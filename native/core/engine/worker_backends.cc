// How a loop finds backends for its clients.

#include <optional>
#include <utility>

#include "engine/worker.h"
#include "select/client_hash.h"
#include "select/load.h"
#include "sys/sys.h"

namespace spliceway {

namespace {

/// In one call.
constexpr std::size_t kFailuresAtOnce = 4;
/// Of an attempt that fails at once, as bytes that are moved: some 10 us.
constexpr std::size_t kCostOfFailure = 16 * 1024;
/// Of a place of the cycle that is passed over: 20 ns.
constexpr std::size_t kCostOfLook = 64;

}  // namespace

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

/// `client` is where it is, or null where nobody has said so.
void Worker::PickFirst(Session& session, const SocketAddress* client) {
  const Tables::Pool& pool = tables_.latest().PoolOf(session.listener());
  if (!pool.tiers) return AskOwner(session);
  session.route.by_cycle = true;
  if (StandsBehind(session)) {
    if (!WaitForPlace(session)) AskOwner(session);
    return;
  }
  session.route.EnterAt(PlaceToEnter(session, *pool.tiers, 0, client));
  const std::uint16_t row = (*pool.tiers)[0].RowAt(session.route.place);
  // Who has failed lately is met again, as the last.
  if (!crew_.table.Row(row).IsTriedLast() &&
      Approach(session, row, {.counts = true}) == Approached::kPassedOver) {
    session.walk().NoteFirstMet(row);
  }
  TryBackends(session);
}

/// Where a client enters a tier: all in which policies differ.
std::uint32_t Worker::PlaceToEnter(const Session& session, const Tiers& tiers, std::size_t tier,
                                   const SocketAddress* client) {
  const Cycle& cycle = tiers[tier];
  switch (tiers.entry()) {
    case PickEntry::kTurn:
      break;
    case PickEntry::kLeast:
      return LeastLoaded(cycle, crew_.table, random_);
    case PickEntry::kRandom:
      return BetterOfTwo(cycle, crew_.table, random_);
    case PickEntry::kFirst:
      return 0;
    case PickEntry::kHash: {
      const std::optional<std::uint32_t> hash =
          HashOf(client == nullptr ? session.client_address() : *client, tiers.hash_key());
      if (!hash) break;
      return *hash % static_cast<std::uint32_t>(cycle.size());
    }
  }
  return cycle.Next();
}

/// Sets out for a backend, if it can. Who meets it again does not count it again.
Worker::Approached Worker::Approach(Session& session, std::uint16_t backend,
                                    const Approaching& how) {
  BackendRow& row = crew_.table.Row(backend);
  const auto pass_over = [&](PassedOver why) {
    session.PassOver(backend, how.counts ? why : PassedOver::kUncounted);
    return Approached::kPassedOver;
  };
  if (row.lacks_port()) {
    session.walk().NoteNoPort();
    return pass_over(PassedOver::kUncounted);
  }
  const BackendRow::Entry entry = crew_.table.Enter(backend, how.takes_down);
  if (entry != BackendRow::Entry::kCounted) {
    if (entry == BackendRow::Entry::kGivenBack) TellOfPlace(session, crew_.table.PoolOf(backend));
    const bool is_full = entry == BackendRow::Entry::kFull;
    if (entry != BackendRow::Entry::kNotUp && row.state() == BackendState::kUp) {
      session.walk().NoteFull();
    }
    return pass_over(is_full ? PassedOver::kFull : PassedOver::kUncounted);
  }
  HeldAddresses addresses = tables_.Lend(backend, row);
  if (addresses->empty()) {
    GiveBack(session, backend);
    return pass_over(PassedOver::kNowhere);
  }
  // Asked last: who finds out for all must not turn back here.
  if (!how.takes_failed && !row.MayTryInTurn()) {
    GiveBack(session, backend);
    return Approached::kTriedLast;
  }
  if (session.route.in_queue) LeaveQueue(session, PoolQueue::Why::kServed);
  session.route.has_place = true;
  session.route.takes_down = how.takes_down && row.state() == BackendState::kDown;
  session.Approach(std::move(addresses), backend);
  return Approached::kYes;
}

/// The session will not be at its backend any more.
void Worker::GiveUpPlace(Session& session) {
  if (!session.route.has_place) return;
  session.route.has_place = false;
  GiveBack(session, session.backend());
}

/// Tries addresses, and backends where the loop picks them, until an attempt is under way or none
/// is left. An attempt may fail at once; it is then followed by the next in this loop and not in a
/// call from within the failure, which could go as deep as there are backends. After a few the
/// session waits for its turn, so that others have theirs.
void Worker::TryBackends(Session& session) {
  trying_ = &session;
  std::size_t failures = 0;
  do {
    attempt_failed_ = false;
    if (!TryBackend(session)) {
      if (!WaitForPlace(session) && !WaitForPort(session)) AskOwner(session);
      break;
    }
    if (!attempt_failed_) break;
    loop_->Spend(kCostOfFailure);
    if (++failures == kFailuresAtOnce) {
      session.Yield();
      break;
    }
  } while (attempt_failed_);
  trying_ = nullptr;
}

void Worker::OnSearchOver(Session& session) {
  GiveUpPlace(session);
  AskOwner(session);
}

/// It has waited for something at its backend, which may have been taken out of service, or
/// removed.
bool Worker::TurnsBack(Session& session) {
  const std::uint16_t row = session.backend();
  const BackendState state = crew_.table.Row(row).state();
  const bool is_for_it =
      state == BackendState::kUp || (state == BackendState::kDown && session.route.takes_down);
  if (is_for_it && !tables_.latest().AddressesOf(row)[0].empty()) return false;
  session.TurnBack();
  GiveUpPlace(session);
  return true;
}

void Worker::OnTurn(Session& session) { TryBackends(session); }

/// Starts the next attempt; false when nothing is left to try.
bool Worker::TryBackend(Session& session) {
  while (!session.TryNextAddress()) {
    LeaveBackend(session);
    if (session.search_is_over() || !PickNext(session)) return false;
  }
  return true;
}

/// The session has failed at its backend, where it has one.
void Worker::LeaveBackend(Session& session) {
  if (!session.route.has_place) return;
  BackendRow& row = crew_.table.Row(session.backend());
  const bool is_done = !session.has_more_addresses();
  if (session.lacks_port()) {
    session.walk().NoteNoPort();
    if (is_done && !session.has_more_sources()) row.NoteNoPort();
  } else {
    if (session.route.by_cycle) session.walk().NoteTried(session.backend());
    if (is_done) row.NoteFailed(session.generation());
  }
  GiveUpPlace(session);
}

/// Takes newer tables where those at hand have nobody left: a backend is out of service at once,
/// and only newer ones may have who takes its place. Those that are down come after that.
bool Worker::PickNext(Session& session) {
  if (!session.route.by_cycle) return false;
  for (;;) {
    const Tables::Pool& pool = tables_.latest().PoolOf(session.listener());
    if (PickNextOf(session, pool)) return true;
    if (TakeNextTables()) continue;
    if (!pool.tiers || !session.walk().TakeDown(*pool.tiers)) return false;
  }
}

/// The next row of a tier that this session has not tried. The share of a backend that is down,
/// full or out of service goes to those that follow it in the cycle. A smooth cycle spreads places
/// of one row evenly among those of the others, so each gets about its own part of that share.
/// nginx keeps to the weights exactly, since it weighs those that are up anew at each pick, under a
/// lock where its workers share them. Here all that loops share is a turn.
bool Worker::PickNextOf(Session& session, const Tables::Pool& pool) {
  if (!pool.tiers) return false;
  const Tiers& tiers = *pool.tiers;
  Walk& walk = session.walk();
  // Not one after the other: all are full, and a crowd may be waiting.
  if (IsFull(tables_.latest().OptionsOf(session.listener()).pool)) {
    walk.NoteFull();
    return false;
  }
  do {
    if (walk.EntersAnew(pool)) {
      session.route.EnterAt(PlaceToEnter(session, tiers, walk.tier(), nullptr));
    }
    while (const auto row = walk.Next(tiers, session.route.place, crew_.table)) {
      const Approached approached = Approach(session, *row,
                                             {.counts = walk.is_first_round(),
                                              .takes_failed = walk.takes_failed(),
                                              .takes_down = walk.takes_down()});
      if (approached == Approached::kTriedLast) walk.NoteTriedLast();
      if (approached != Approached::kYes) continue;
      loop_->Spend(walk.TakeLooks() * kCostOfLook);
      return true;
    }
    loop_->Spend(walk.TakeLooks() * kCostOfLook);
  } while (walk.GoOn(tiers));
  return false;
}

/// Where no port was left for some of the backends, and none of the others has served it. False
/// when there are none, or the session has waited for long enough.
bool Worker::WaitForPort(Session& session) const {
  if (!session.route.by_cycle || session.search_is_over()) return false;
  if (!session.walk().lacks_port()) return false;
  return session.Pause(loop_->now_ms() + BackendRow::kNoPortMs);
}

void Worker::OnPauseOver(Session& session) {
  session.walk().BeginAgain();
  TryBackends(session);
}

/// Who was not reported before, and would be now, gets no other answer from an owner that does not
/// follow: the backends of the cycle have failed it.
void Worker::AskOwner(Session& session) {
  AskOwner(session, session.backend() == kNoRow ? Asked::kAtFirst : Asked::kTried);
}

void Worker::AskOwner(Session& session, Asked why) {
  const bool is_over = session.search_is_over();
  // In the turn of one whose owner picks, the turn goes on until it has: it may be told that there
  // is no place after all.
  if (session.route.in_queue && (session.route.by_cycle || is_over)) {
    LeaveQueue(session, PoolQueue::Why::kElsewhere);
  }
  session.route.by_cycle = false;
  if (why == Asked::kQueueFull || why == Asked::kQueuedInVain) session.queue_place().in_vain = true;
  if (!session.route.reported && crew_.events.is_full()) {
    NoteUnreported(session.listener());
    return session.End(Ending::kNoBackend);
  }
  if (!session.route.reported) {
    session.route.reported = true;
    SessionEvent accepted = EventOf(SessionEvent::Kind::kAccepted, session.slot());
    accepted.listener = session.listener();
    accepted.reason = 2;
    accepted.SetAddress(session.client_address());
    crew_.events.Push(accepted);
  }
  // It names no backend: the session has left the one that failed last, whose row may be another's.
  SessionEvent need = EventOf(SessionEvent::Kind::kNeedBackend, session.slot());
  need.reason = static_cast<std::int32_t>(is_over ? Asked::kSearchOver : why);
  crew_.events.Push(need);
  if (!is_over) session.AwaitAnswer();
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
  SessionEvent event = EventOf(SessionEvent::Kind::kNoPort, session);
  if (!session.route.reported) event.slot = -1;
  event.SetAddress(address);
  crew_.events.PushNoPort(event);
  AttemptIsOver(session);
}

void Worker::OnNoPortFrom(Session& session, std::uint32_t source) {
  crew_.table.TurnsOf(session.backend()).NoteNoPort(source, sys::NowMs(), BackendRow::kNoPortMs);
}

void Worker::OnNoSource(Session& session, const SocketAddress& source) {
  SessionEvent event = EventOf(SessionEvent::Kind::kNoSource, session);
  if (!session.route.reported) event.slot = -1;
  event.SetAddress(source);
  crew_.events.PushNoSource(event);
}

void Worker::OnOutrun(Session& session, const SocketAddress& address) {
  SessionEvent event = EventOf(SessionEvent::Kind::kOutrun, session);
  event.SetAddress(address);
  if (session.route.reported) return crew_.events.Push(event);
  event.slot = -1;
  crew_.events.PushOutrun(event);
}

void Worker::OnFirstByte(Session& session) {
  crew_.table.Row(session.backend()).ForgetEarlyResets();
}

void Worker::OnEarlyReset(Session& session) {
  crew_.table.Row(session.backend()).NoteEarlyReset();
  SessionEvent event = EventOf(SessionEvent::Kind::kEarlyReset, session);
  if (!session.route.reported) event.slot = -1;
  crew_.events.PushEarlyReset(event);
}

void Worker::OnOpened(Session& session) {
  if (session.backend() != kNoRow) crew_.table.Row(session.backend()).ForgetFailure();
  if (session.route.reported) crew_.events.Push(EventOf(SessionEvent::Kind::kOpened, session));
}

}  // namespace spliceway
