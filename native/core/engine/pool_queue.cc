#include "engine/pool_queue.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace spliceway {

std::optional<std::uint64_t> PoolQueue::Join(const QueueWaiter& waiter, std::uint32_t most) {
  const std::lock_guard lock(mutex_);
  if (waiters_.size() >= most) {
    ++figures_.refused;
    return std::nullopt;
  }
  waiters_.emplace(++tickets_, waiter);
  row_.NoteWaiting(static_cast<std::uint32_t>(waiters_.size()));
  return tickets_;
}

void PoolQueue::JoinAgain(const QueueWaiter& waiter, std::uint64_t ticket) {
  const std::lock_guard lock(mutex_);
  waiters_.emplace(ticket, waiter);
  row_.NoteWaiting(static_cast<std::uint32_t>(waiters_.size()));
}

std::optional<QueueTurn> PoolQueue::Leave(std::uint64_t ticket, Why why) {
  const std::lock_guard lock(mutex_);
  if (why == Why::kServed) ++figures_.served;
  if (why == Why::kTimedOut) ++figures_.timed_out;
  if (why == Why::kLeft) ++figures_.left;
  const bool was_first = !waiters_.empty() && waiters_.begin()->first == ticket;
  waiters_.erase(ticket);
  row_.NoteWaiting(static_cast<std::uint32_t>(waiters_.size()));
  // Somebody has got on: those behind may, too.
  if (turn_ == ticket) {
    passed_over_ = 0;
    return GoOn(ticket, true);
  }
  // Who is the first now looks again at times; see `Worker::WaitOn`.
  if (turn_ == 0 && was_first) return Give(waiters_.begin());
  return std::nullopt;
}

bool PoolQueue::HasTurn(std::uint64_t ticket) const {
  const std::lock_guard lock(mutex_);
  return turn_ == ticket;
}

std::optional<QueueTurn> PoolQueue::EndTurn(std::uint64_t ticket, bool passes_on) {
  const std::lock_guard lock(mutex_);
  assert(turn_ == ticket);
  return GoOn(ticket, passes_on);
}

std::optional<QueueTurn> PoolQueue::Tell(bool for_all) {
  const std::lock_guard lock(mutex_);
  if (waiters_.empty()) return std::nullopt;
  if (turn_ != 0) {
    if (for_all || told_ == Told::kNothing) told_ = for_all ? Told::kForAll : Told::kRoom;
    return std::nullopt;
  }
  if (for_all) everyone_ = waiters_.rbegin()->first;
  passed_over_ = 0;
  return Give(waiters_.begin());
}

std::optional<QueueTurn> PoolQueue::Give(Waiters::const_iterator to) {
  if (to == waiters_.end()) {
    turn_ = 0;
    return std::nullopt;
  }
  turn_ = to->first;
  return QueueTurn{.waiter = to->second, .pool = pool_, .ticket = to->first};
}

std::optional<QueueTurn> PoolQueue::GoOn(std::uint64_t after, bool passes_on) {
  // First of all: a place that has come free is the first one's, also while all look.
  if (const Told told = std::exchange(told_, Told::kNothing); told != Told::kNothing) {
    if (told == Told::kForAll && !waiters_.empty()) everyone_ = waiters_.rbegin()->first;
    passed_over_ = 0;
    return Give(waiters_.begin());
  }
  const auto next = waiters_.upper_bound(after);
  if (next != waiters_.end() && next->first <= everyone_) return Give(next);
  everyone_ = 0;
  if (!passes_on) return Give(waiters_.end());
  const auto after_those = waiters_.upper_bound(std::max(after, passed_up_to_));
  if (after_those == waiters_.end()) {
    passed_up_to_ = 0;
  } else if (passed_over_++ == kMostPassedOver) {
    passed_up_to_ = after;
    return Give(waiters_.end());
  }
  return Give(after_those);
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
