#include "engine/pool_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace spliceway {

std::optional<std::uint64_t> PoolQueue::Join(const QueueWaiter& waiter, std::uint32_t most) {
  const std::lock_guard lock(mutex_);
  if (waiting_.size() + looking_.size() >= most) {
    ++figures_.refused;
    return std::nullopt;
  }
  waiting_.emplace(++tickets_, Waiter{.who = waiter});
  NoteCount();
  return tickets_;
}

void PoolQueue::JoinAgain(const QueueWaiter& waiter, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  waiting_.emplace(ticket, Waiter{.who = waiter});
  behind_ = std::min(behind_, ticket - 1);
  NoteCount();
}

QueueTurns PoolQueue::Leave(std::uint64_t ticket, Why why, std::uint32_t places) {
  const std::lock_guard lock(mutex_);
  if (why == Why::kServed) ++figures_.served;
  if (why == Why::kTimedOut) ++figures_.timed_out;
  if (why == Why::kLeft) ++figures_.left;
  if (looking_.erase(ticket) > 0) {
    // Somebody has got on: those behind may, too.
    may_have_room_ = true;
    passed_over_ = 0;
    if (why == Why::kServed) is_for_some_ = false;
  } else {
    // Who is the first now looks again at times; see `Worker::WaitOn`.
    const bool was_first = !waiting_.empty() && waiting_.begin()->first == ticket;
    waiting_.erase(ticket);
    if (was_first && looking_.empty()) ExpectRoom();
  }
  NoteCount();
  return GiveTurns(places);
}

bool PoolQueue::HasTurn(std::uint64_t ticket) const {
  const std::lock_guard lock(mutex_);
  return looking_.contains(ticket);
}

QueueTurns PoolQueue::EndTurn(std::uint64_t ticket, std::uint32_t places) {
  const std::lock_guard lock(mutex_);
  Waiters::node_type waiter = looking_.extract(ticket);
  assert(!waiter.empty());
  const bool is_late = std::exchange(waiter.mapped().room_is_newer, false);
  waiting_.insert(std::move(waiter));
  if (places > 0) is_for_some_ = true;
  if (is_late) {
    ExpectRoom();
    if (all_up_to_ >= ticket) all_behind_ = std::min(all_behind_, ticket - 1);
  } else if (places == 0) {
    may_have_room_ = false;
    behind_ = std::min(behind_, ticket - 1);
  } else if (passed_over_++ < kMostPassedOver) {
    may_have_room_ = true;
    behind_ = std::max(behind_, passed_up_to_);
  } else {
    may_have_room_ = false;
    passed_up_to_ = behind_;
  }
  return GiveTurns(places);
}

QueueTurns PoolQueue::Tell(std::uint32_t places) {
  const std::lock_guard lock(mutex_);
  ExpectRoom();
  for (auto& [ticket, waiter] : looking_) waiter.room_is_newer = true;
  return GiveTurns(places);
}

QueueTurns PoolQueue::TellAll() {
  const std::lock_guard lock(mutex_);
  all_behind_ = 0;
  all_up_to_ = tickets_;
  for (auto& [ticket, waiter] : looking_) waiter.room_is_newer = true;
  return GiveTurns(1);
}

/// For anybody.
void PoolQueue::ExpectRoom() {
  may_have_room_ = true;
  behind_ = 0;
  passed_over_ = 0;
}

void PoolQueue::NoteCount() {
  row_.NoteWaiting(static_cast<std::uint32_t>(waiting_.size() + looking_.size()));
}

/// First of all those for whom there may be room: it is theirs also while all look.
PoolQueue::Waiters::iterator PoolQueue::Next() {
  if (may_have_room_) {
    const auto next = waiting_.upper_bound(behind_);
    if (next != waiting_.end()) {
      behind_ = next->first;
      return next;
    }
    may_have_room_ = false;
    passed_up_to_ = 0;
  }
  if (all_up_to_ == 0) return waiting_.end();
  const auto next = waiting_.upper_bound(all_behind_);
  if (next != waiting_.end() && next->first <= all_up_to_) {
    behind_ = all_behind_ = next->first;
    return next;
  }
  // Some of them may still look, and are to look again.
  if (looking_.empty() || looking_.begin()->first > all_up_to_) all_up_to_ = 0;
  return waiting_.end();
}

QueueTurn PoolQueue::Give(Waiters::node_type waiter) {
  const QueueTurn turn{.waiter = waiter.mapped().who, .pool = pool_, .ticket = waiter.key()};
  looking_.insert(std::move(waiter));
  return turn;
}

QueueTurns PoolQueue::GiveTurns(std::uint32_t places) {
  const std::uint32_t most = is_for_some_ ? 1 : std::clamp(places, 1U, kMostLookers);
  QueueTurns turns;
  while (!turns.is_full() && looking_.size() < most) {
    const auto next = Next();
    if (next == waiting_.end()) break;
    turns.Add(Give(waiting_.extract(next)));
  }
  lookers_.store(looking_.size(), std::memory_order_relaxed);
  return turns;
}

bool PoolQueue::IsFirst(std::uint64_t ticket) const {
  const std::lock_guard lock(mutex_);
  return !waiting_.empty() && waiting_.begin()->first == ticket;
}

QueueFigures PoolQueue::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void PoolQueue::ResetFigures() {
  const std::lock_guard lock(mutex_);
  figures_ = {};
}

PoolQueue& PoolQueues::Of(std::uint16_t pool, PoolRow& row) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<PoolQueue>& queue = queues_[pool];
  if (queue == nullptr) queue = std::make_unique<PoolQueue>(row, pool);
  return *queue;
}

PoolQueue* PoolQueues::Find(std::uint16_t pool) {
  const std::lock_guard lock(mutex_);
  const auto found = queues_.find(pool);
  return found == queues_.end() ? nullptr : found->second.get();
}

}  // namespace spliceway
