// What must hold of a pool with a limit, and of those who wait for a place.

#include <algorithm>
#include <set>
#include <vector>

#include "evidence.h"
#include "oracle.h"

namespace spliceway::simulator {

/// Sessions that are at a backend, or on their way there; of all backends for `kNoRow`.
std::size_t Oracle::SessionsAt(std::uint16_t row) const {
  std::set<std::uint64_t> sessions;
  for (const auto& socket : kernel_.sockets()) {
    if (!socket->is_core || socket->fd < 0 || socket->connect_us == 0) continue;
    if (row == kNoRow || RowOf(socket->port) == row) sessions.insert(socket->handler);
  }
  return sessions.size();
}

/// By what the kernel sees; or, where some may wait for what the machine lacks, the core.
bool Oracle::HasPlace() const {
  const bool is_seen = !scene_.few_descriptors && !kernel_.shortage_was_met();
  const BackendTable& table = scene_.crew->table;
  const std::uint32_t most = scene_.queueing.most;
  const std::size_t at_all = is_seen ? SessionsAt(kNoRow) : table.PoolRowOf(0).sessions.in_use();
  if (most > 0 && at_all >= most) return false;
  return std::any_of(scene_.rows.begin(), scene_.rows.end(), [&](std::uint16_t row) {
    if (scene_.changes.StateOf(row) != BackendState::kUp) return false;
    if (kernel_.backends[row] != Backend::kAccepts) return false;
    const BackendRow& shared = table.Row(row);
    if (shared.IsTriedLast() || shared.lacks_port()) return false;
    const auto limit = scene_.changes.limits.find(row);
    if (limit == scene_.changes.limits.end() || limit->second == 0) return true;
    return (is_seen ? SessionsAt(row) : shared.in_use()) < limit->second;
  });
}

/// None of the sessions of a pool is beyond its limit, but those that were there before it fell.
void Oracle::CheckPlaces(bool has_set_out) {
  const Queueing& queueing = scene_.queueing;
  const std::uint32_t waiting = scene_.crew->table.PoolRowOf(0).waiting();
  // Who comes back has its place still.
  const auto more = std::count_if(scene_.pairs.begin(), scene_.pairs.end(),
                                  [](const Pair& pair) { return pair.has_set_out; });
  if (queueing.longest == 0 && waiting > 0) kernel_.Fail("a client waits where no queue is");
  if (waiting > queueing.longest + static_cast<std::uint32_t>(more)) {
    kernel_.Fail("more clients wait than may");
  }
  if (!has_set_out || queueing.most == 0) return;
  // Who waited for a descriptor, or for room, was counted before.
  if (scene_.few_descriptors || kernel_.shortage_was_met() || kernel_.conditions.hesitates) return;
  if (SessionsAt(kNoRow) > queueing.most) kernel_.Fail("a pool has more sessions than it may have");
}

/// Each of those that have no backend and are the loops' to find one for waits in the queue, as far
/// as is known: some may be the owner's to answer.
std::vector<const Pair*> Oracle::WhoWaits() const {
  std::vector<const Pair*> seekers;
  for (const Pair& pair : scene_.pairs) {
    if (!pair.client || pair.joins) continue;
    const Socket& near = Near(*pair.client);
    if (near.fd < 0 || !near.was_watched || kernel_.IsUnderWay(near)) continue;
    if (!pair.backend || Near(*pair.backend).fd < 0) seekers.push_back(&pair);
  }
  if (seekers.size() != scene_.crew->table.PoolRowOf(0).waiting()) seekers.clear();
  return seekers;
}

/// A client has set out for the first time. Those that had waited before it came, and have met
/// nobody, come first; or have their turn as well, as there are places for all of them.
void Oracle::CheckOrder(const Pair& pair) {
  if (scene_.picks != Picks::kByCycle || pair.by_owner) return;
  // Who finds no local port has set out unseen.
  if (kernel_.conditions.hesitates) return;
  const std::vector<const Pair*> waiters = WhoWaits();
  const auto overtaken = std::count_if(waiters.begin(), waiters.end(), [&](const Pair* other) {
    return !other->has_set_out && !other->by_owner && other->waited_us < pair.waits_since_us;
  });
  const PoolQueue* const queue = scene_.crew->queues.Find(0);
  const bool had_turn = queue != nullptr && queue->figures().served > served_before_;
  const std::size_t lookers = had_turn ? queue->lookers() : 0;
  if (static_cast<std::size_t>(overtaken) > lookers) {
    kernel_.Fail("a client was served before one that had waited for longer");
  }
}

/// After each look at those who have set out.
void Oracle::NoteServed() {
  const PoolQueue* const queue = scene_.crew->queues.Find(0);
  served_before_ = queue == nullptr ? 0 : queue->figures().served;
}

/// Whether it may be that nothing is tried for a client.
bool Oracle::WaitsForPlace(const Pair& pair, std::uint64_t until_us) {
  if (!scene_.queueing.is_on || HasPlace()) return false;
  // Its time may be over for good: then it is told so.
  const std::uint32_t latest_ms = scene_.queueing.latest_ms;
  if (!pair.has_set_out && !scene_.queueing.may_last_for_ever() && pair.waits_since_us != kNever &&
      until_us > pair.waits_since_us + Us(latest_ms) + Delay()) {
    kernel_.Fail("a client waits for a place for longer than it may");
  }
  return true;
}

void Oracle::CheckQueueFull() {
  if (scene_.queueing.shortest >= scene_.pairs.size()) {
    kernel_.Fail("a queue is said to be full that has room for all");
  }
}

void Oracle::CheckQueuedInVain(const Pair& pair) {
  const std::uint32_t earliest_ms = scene_.queueing.earliest_ms;
  if (earliest_ms == UINT32_MAX ||
      (pair.waits_since_us != kNever &&
       kernel_.now_us() + Hurry(scene_) < pair.waits_since_us + Us(earliest_ms))) {
    kernel_.Fail("a client has waited for a place in vain before its time was over");
  }
}

}  // namespace spliceway::simulator
