#include "session/room_queue.h"

#include <algorithm>

namespace spliceway {

void RoomQueue::Add(RoomWaiter& waiter) {
  if (is_empty()) {
    pause_ms_ = kShortestPauseMs;
    loop_.Arm(*this, loop_.now_ms() + pause_ms_);
  }
  waiting_.InsertBefore(waiter);
}

void RoomQueue::OnTimer() {
  is_serving_ = true;
  Serve();
  is_serving_ = false;
}

void RoomQueue::Serve() {
  for (int served = 0; !is_empty(); ++served) {
    if (served == kMostAtOnce) return loop_.Arm(*this, loop_.now_ms());
    spliceway::ListLink* const first = waiting_.next();
    static_cast<RoomWaiter*>(first)->OnTurnToTry();
    if (waiting_.next() == first) {
      pause_ms_ = std::min(2 * pause_ms_, kLongestPauseMs);
      return loop_.Arm(*this, loop_.now_ms() + pause_ms_);
    }
    pause_ms_ = kShortestPauseMs;
  }
}

/// Of a backend that moves each second there would be more and more. Those without a waiter go
/// whenever there are twice as many as were left the last time.
void RoomQueues::Add(const SocketAddress& address, RoomWaiter& waiter) {
  if (queues_.size() >= looks_at_) {
    std::erase_if(queues_, [](const auto& queue) { return queue.second.is_idle(); });
    looks_at_ = std::max(kFew, 2 * queues_.size());
  }
  queues_.try_emplace(std::string(address.bytes()), loop_).first->second.Add(waiter);
}

}  // namespace spliceway
