// How a loop's sessions wait for a place, where all backends are full.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <utility>

#include "engine/worker.h"

namespace spliceway {
namespace {

/// Of a look at a backend, as bytes that are moved: 20 ns.
constexpr std::size_t kCostOfRow = 64;
/// Some microseconds.
constexpr std::size_t kRowsAtOnce = 128;

}  // namespace

/// @param places how many are of interest, at least one: who knows of so many looks no further
/// @param rows at how many to look: where there are more, there may be more room than is found
Worker::Room Worker::RoomIn(std::uint16_t pool, std::uint32_t places, std::size_t rows) const {
  const Tables& tables = tables_.latest();
  const std::uint32_t of_pool = std::min(places, crew_.table.PoolRowOf(pool).sessions.places());
  const Tiers* const tiers = tables.PoolAt(pool).tiers.get();
  Room room;
  if (tiers == nullptr) {
    // Of a pool that its owner picks for, nobody knows more than who is in it.
    AddRoom(room, tables.MembersOf(pool), of_pool, rows);
  } else {
    for (std::size_t tier = 0; tier < tiers->size(); ++tier) {
      AddRoom(room, (*tiers)[tier].members(), of_pool, rows);
    }
  }
  return room;
}

void Worker::AddRoom(Room& room, std::span<const std::uint16_t> rows, std::uint32_t places,
                     std::size_t& left) const {
  using Kind = Room::Kind;
  for (const std::uint16_t number : rows) {
    if (left == 0) return;
    --left;
    loop_->Spend(kCostOfRow);
    if (room.kind != Kind::kNobody && room.places >= places) return;
    const BackendRow& row = crew_.table.Row(number);
    if (row.state() != BackendState::kUp) continue;
    if (tables_.latest().AddressesOf(number)[0].empty()) continue;
    room.kind = std::max(room.kind, Kind::kNone);
    if (places == 0) continue;
    if (row.is_open()) {
      room.kind = Kind::kOpen;
      room.places = std::min(places, room.places + std::min(places, row.places()));
    } else if (!row.is_full()) {
      room.kind = std::max(room.kind, row.lacks_port() ? Kind::kSoon : Kind::kLater);
    }
  }
}

/// For how many there is a place, or for fewer than there is: this is asked for each session that
/// comes or goes, and a pool may have ten thousand backends.
std::uint32_t Worker::PlacesFor(std::uint16_t pool) const {
  return RoomIn(pool, PoolQueue::kMostLookers, kRowsAtOnce).places;
}

/// Whether the pool has as many sessions as it may, and somebody is up: where nobody is, a client
/// that comes is to be told so.
bool Worker::IsFull(std::uint16_t pool) const {
  return crew_.table.PoolRowOf(pool).sessions.is_full() && RoomIn(pool).kind == Room::Kind::kNone;
}

/// Whether others wait for the places of its pool, whom it is not to overtake: it has come after
/// them. Who is on its way has come before, or was served before, and goes on.
bool Worker::StandsBehind(Session& session) const {
  const Tables& tables = tables_.latest();
  if (!tables.PoolOf(session.listener()).tiers) return false;
  const std::uint16_t pool = tables.OptionsOf(session.listener()).pool;
  const PoolRow& row = crew_.table.PoolRowOf(pool);
  return row.queue_length() > 0 && row.has_waiting() && !HasTurnIn(session, pool);
}

bool Worker::HasTurnIn(Session& session, std::uint16_t pool) {
  return session.route.has_turn && session.queue_place().pool == pool;
}

/// Where the loop has found no backend for it that is up and has room. False where it is not to
/// wait, or the owner was asked.
bool Worker::WaitForPlace(Session& session) {
  if (!session.route.by_cycle || session.search_is_over()) return false;
  if (!tables_.latest().PoolOf(session.listener()).tiers) return false;
  if (!session.walk().found_full() && !StandsBehind(session)) return false;
  const std::uint16_t pool = tables_.latest().OptionsOf(session.listener()).pool;
  return JoinQueue(session, pool);
}

/// False where the pool has no queue.
bool Worker::JoinQueue(Session& session, std::uint16_t pool) {
  QueuePlace& place = session.queue_place();
  if (session.route.in_queue && place.pool == pool) {
    const Room room = RoomIn(pool, PoolQueue::kMostLookers);
    WaitOn(session, room.kind);
    crew_.Post(QueueOf(pool).EndTurn(place.ticket, room.places));
    return true;
  }
  if (session.route.in_queue) LeaveQueue(session, PoolQueue::Why::kElsewhere);
  PoolRow& row = crew_.table.PoolRowOf(pool);
  const bool was_there = place.pool == pool && place.ticket != 0;
  const std::uint32_t most = row.queue_length();
  if (most == 0 && !was_there) return false;
  PoolQueue& queue = QueueOf(pool);
  const QueueWaiter waiter{.session = crew_.slab.NameOf(session.slot()),
                           .loop = static_cast<std::uint16_t>(index_)};
  if (was_there) {
    queue.JoinAgain(waiter, place.ticket);
  } else {
    const std::optional<std::uint64_t> ticket = queue.Join(waiter, most);
    if (!ticket) {
      AskOwner(session, Asked::kQueueFull);
      return true;
    }
    place.pool = pool;
    place.ticket = *ticket;
  }
  session.route.in_queue = true;
  // Looked at again, now that those who make room would tell; also by tables that are new.
  TakeNextTables();
  const Room room = RoomIn(pool, PoolQueue::kMostLookers);
  WaitOn(session, Room::Kind::kNone);
  if (room.kind != Room::Kind::kNone) crew_.Post(queue.Tell(room.places));
  return true;
}

/// Nobody tells when a backend that has room is no longer to be passed over.
void Worker::WaitOn(Session& session, Room::Kind room) {
  session.route.has_turn = false;
  const PoolRow& row = crew_.table.PoolRowOf(session.queue_place().pool);
  const std::uint64_t looks_in_ms = room == Room::Kind::kNone   ? 0
                                    : room == Room::Kind::kSoon ? BackendRow::kNoPortMs
                                                                : BackendRow::kMomentMs;
  session.WaitInQueue(row.queue_timeout_ms(), looks_in_ms);
}

/// Of a queue that it was in, whether or not it still waits.
void Worker::LeaveQueue(Session& session, PoolQueue::Why why) {
  QueuePlace& place = session.queue_place();
  session.route.in_queue = session.route.has_turn = false;
  if (why == PoolQueue::Why::kServed) {
    // It may wait there again, where that backend fails.
    const std::uint64_t waited_ms =
        place.waited_ms - std::exchange(place.noted_ms, place.waited_ms);
    crew_.counters->histograms().Row(index_, place.pool).Note(Measured::kQueue, waited_ms * 1000);
  }
  // Where one has got on, there may be room for many. Else nobody has looked.
  const std::uint32_t places = why == PoolQueue::Why::kServed ? PlacesFor(place.pool) : 1;
  crew_.Post(QueueOf(place.pool).Leave(place.ticket, why, places));
}

PoolQueue& Worker::QueueOf(std::uint16_t pool) {
  return crew_.queues.Of(pool, crew_.table.PoolRowOf(pool));
}

/// The session does not have, or take, its place at a backend any more.
void Worker::GiveBack(Session& session, std::uint16_t backend) {
  // Asked before: once nobody is there, the row may be another's.
  const std::uint16_t pool = crew_.table.PoolOf(backend);
  crew_.table.Leave(backend);
  TellOfPlace(session, pool);
}

/// There is room that was not there a moment ago. Who has its turn has that looked for when it
/// ends.
void Worker::TellOfPlace(Session& session, std::uint16_t pool) {
  if (HasTurnIn(session, pool) || !crew_.table.PoolRowOf(pool).has_waiting()) return;
  PoolQueue& queue = QueueOf(pool);
  const std::uint32_t places = queue.lookers() > 0 ? PlacesFor(pool) : 1;
  crew_.Post(queue.Tell(places));
}

void Worker::Handle(QueueCommand& command) {
  Session* const session = Find(command.session);
  if (session == nullptr || !session->waits_for_backend()) return;
  session->route.awaits_word = false;
  session->route.by_cycle = false;
  if (session->search_is_over()) return AskOwner(*session);
  if (!JoinQueue(*session, command.pool)) AskOwner(*session, Asked::kQueueFull);
}

void Worker::Handle(QueueTurnCommand& command) {
  Session* const session = Find(command.turn.waiter.session);
  // Who has left has passed its turn on.
  if (session == nullptr || !session->route.in_queue || session->route.has_turn) return;
  const QueuePlace& place = session->queue_place();
  if (place.pool != command.turn.pool || !QueueOf(place.pool).HasTurn(place.ticket)) return;
  session->route.has_turn = true;
  session->StopWaiting();
  if (session->route.by_cycle) {
    session->walk().EnterAgain(crew_.table);
    return TryBackends(*session);
  }
  // Where it would pick in vain, it is not asked.
  if (RoomIn(place.pool).kind == Room::Kind::kNone) {
    static_cast<void>(JoinQueue(*session, place.pool));
  } else {
    AskOwner(*session, Asked::kTurn);
  }
}

void Worker::OnQueuedInVain(Session& session) {
  LeaveQueue(session, PoolQueue::Why::kTimedOut);
  AskOwner(session, Asked::kQueuedInVain);
}

/// The first one passes its turn on to those behind it.
void Worker::OnTimeToLook(Session& session) {
  const QueuePlace& place = session.queue_place();
  PoolQueue& queue = QueueOf(place.pool);
  if (queue.IsFirst(place.ticket)) crew_.Post(queue.Tell());
}

}  // namespace spliceway
