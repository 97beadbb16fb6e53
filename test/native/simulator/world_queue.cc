// A pool whose clients wait for a place, and its owner, who changes what holds for them.

#include <algorithm>

#include "world.h"

namespace spliceway::simulator {
namespace {

constexpr std::uint32_t kMostChanges = 8;
constexpr std::uint32_t kLongestPauseUs = 400'000;
constexpr std::uint32_t kLongestWaitMs = 3000;
constexpr std::uint64_t kLastStartsUs = 5'000'000;

}  // namespace

/// The choices of these scenes alone come last, so that all others are drawn as they were.
void World::SetUpQueue() {
  scene_.queueing.is_on = true;
  // They change from here on.
  scene_.changes.limits.swap(scene_.limits);
  LimitPool();
  // One comes just as there is a place for another.
  if (scene_.pairs.size() > 2 && choices_.OneIn(2)) {
    Pair& last = scene_.pairs.back();
    last.by_owner = last.joins = false;
    last.starts_at_us = kernel_.now_us() + kLastStartsUs;
  }
  limits_left_ = choices_.Below(kMostChanges);
  limits_at_us_ = limits_left_ == 0 ? kNever : kernel_.now_us() + choices_.Below(kLongestPauseUs);
}

void World::LimitPool() {
  Queueing& queueing = scene_.queueing;
  const std::uint32_t most = choices_.OneIn(4) ? 0 : 1 + choices_.Below(2);
  const std::uint32_t length = choices_.OneIn(4) ? 0 : 1 + choices_.Below(5);
  const std::uint32_t timeout_ms = choices_.OneIn(2) ? 1 + choices_.Below(kLongestWaitMs) : 0;
  kernel_.Trace("the pool may have %u sessions, and %u that wait, for %u ms", most, length,
                timeout_ms);
  queueing.Set(most, length, timeout_ms);
  scene_.crew->LimitPool(0, most, length, timeout_ms);
}

void World::ChangeLimits() {
  switch (choices_.Below(3)) {
    case 0:
      LimitPool();
      break;
    case 1:
      ChangeState();
      scene_.crew->TellQueue(0);
      break;
    case 2:
      ChangeLimit();
      scene_.crew->TellQueue(0);
      break;
  }
  limits_at_us_ = --limits_left_ == 0 ? kNever : kernel_.now_us() + choices_.Below(kLongestPauseUs);
}

/// A loop has had a turn.
void World::NotePlaces() {
  const PoolRow& pool = scene_.crew->table.PoolRowOf(0);
  const std::uint32_t in_use = pool.sessions.in_use();
  Pair& last = scene_.pairs.back();
  if (pool.has_waiting() && in_use < places_in_use_ && !last.started) StartClient(last);
  places_in_use_ = in_use;
  for (const Pair* pair : oracle_.WhoWaits()) {
    Pair& waits = scene_.pairs[static_cast<std::size_t>(pair - scene_.pairs.data())];
    waits.waited_us = std::min(waits.waited_us, kernel_.now_us());
  }
}

/// A session is asked about because of the queue, or is to wait there now. False for all else.
bool World::AnswerAboutQueue(Pair& pair, std::int32_t reason) {
  constexpr std::int32_t kTried = 2;
  constexpr std::int32_t kQueueFull = 3;
  constexpr std::int32_t kQueuedInVain = 4;
  constexpr std::int32_t kTurn = 5;
  if (reason == kQueueFull || reason == kQueuedInVain) {
    reason == kQueueFull ? oracle_.CheckQueueFull() : oracle_.CheckQueuedInVain(pair);
    pair.rows_left.clear();
    GiveBackend(pair);
    return true;
  }
  if (reason == kTurn) {
    if (!pair.row_named) kernel_.Fail("a session has its turn whose owner does not pick");
    GiveBackend(pair);
    return true;
  }
  if (reason != kTried || !pair.row_named || !pair.lately_failed_ports.empty()) return false;
  // The one that was named was passed over. Where it is full, the others come first.
  const BackendTable& table = scene_.crew->table;
  const auto is_full = [&](std::uint16_t row) {
    return scene_.changes.StateOf(row) == BackendState::kUp &&
           (table.Row(row).is_full() || table.PoolRowOf(0).sessions.is_full());
  };
  if (scene_.queueing.length == 0 || !is_full(*pair.row_named)) return false;
  pair.rows_left.push_back(*pair.row_named);
  if (!std::all_of(pair.rows_left.begin(), pair.rows_left.end(), is_full)) return false;
  pair.waits_since_us = std::min(pair.waits_since_us, kernel_.now_us());
  Post(pair, QueueCommand{.session = *pair.name, .pool = 0});
  return true;
}

}  // namespace spliceway::simulator
